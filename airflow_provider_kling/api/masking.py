"""What must never be shown: bearer tokens, API keys, JWTs and the signatures of links."""

from __future__ import annotations

import re

LONGEST_TEXT = 2000
_SECRETS = (
    # The query of a link is its signature: https://cdn/file.mp4?Expires=...&Signature=...
    (re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]+"), r"\1?***"),
    (re.compile(r"(?i)(bearer\s+)[^\s\"'<>]+"), r"\1***"),
    # A JWT, also one that was cut.
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]*){0,2}"), "***"),
    (re.compile(r"\b(?:sk|api-key)-[\w-]{8,}"), "***"),
)


def mask(text: str, longest: int = LONGEST_TEXT) -> str:
    """
    Return ``text`` with everything that looks like a secret replaced by ``***``.

    :param longest: Characters; what is longer is cut, because a gateway's answer may have megabytes.
    """
    masked = text[: 2 * longest]
    for pattern, replacement in _SECRETS:
        masked = pattern.sub(replacement, masked)
    return masked if len(text) <= 2 * longest and len(masked) <= longest else f"{masked[:longest]}..."


def without_query(url: str) -> str:
    """Return a link without its query: it still says which file, and opens nothing."""
    return url.partition("?")[0]
