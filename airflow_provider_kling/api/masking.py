"""What must never be shown: bearer tokens, API keys, JWTs and the signatures of links."""

from __future__ import annotations

import re

_SECRETS = (
    # The query of a link is its signature: https://cdn/file.mp4?Expires=...&Signature=...
    (re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]+"), r"\1?***"),
    (re.compile(r"(?i)(bearer\s+)[^\s\"'<>]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "***"),
    (re.compile(r"\b(?:sk|api-key)-[\w-]{8,}"), "***"),
)


def mask(text: str) -> str:
    """Return ``text`` with everything that looks like a secret replaced by ``***``."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def without_query(url: str) -> str:
    """Return a link without its query: it still says which file, and opens nothing."""
    return url.partition("?")[0]
