"""What the pages for people say."""

from __future__ import annotations

import re


def made(text: str) -> set[str]:
    """The targets that a text says to make."""
    return set(re.findall(r"(?:^|`|step )make ([\w-]+)", text, re.MULTILINE))
