"""The forms of task ids."""

from __future__ import annotations

import hashlib
import secrets
import string

_CHARACTERS = string.ascii_letters + string.digits


def kling_task_id() -> str:
    """Make up an id in the form of Kling's: 18 digits."""
    return str(10**17 + secrets.randbelow(9 * 10**17))


def relay_task_id() -> str:
    """Make up an id in the form of New API's own."""
    return "task_" + "".join(secrets.choice(_CHARACTERS) for _ in range(32))


def kling_task_id_behind(task_id: str) -> str:
    """
    Tell Kling's id for a task that a relay gave one of its own.

    :param task_id: the relay's id.
    """
    digest = hashlib.sha256(task_id.encode()).digest()
    return str(10**17 + int.from_bytes(digest) % (9 * 10**17))
