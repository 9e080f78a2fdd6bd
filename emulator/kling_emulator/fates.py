"""What a prompt can ask to have happen to its task, for those who test how their DAGs cope."""

from __future__ import annotations

from enum import Enum


class Fate(Enum):
    """A tag that a prompt may carry anywhere, and what it does. Tags combine."""

    FAIL = "[fail]", "ends failed, with an ordinary reason"
    MODERATION = "[moderation]", "ends failed with `Failure to pass the risk control system`"
    SLOW = "[slow]", "takes ten times as long"
    NO_URL = "[no-url]", "succeeds without any URL"
    CUT = (
        "[cut]",
        "the first transfer of its file stops half-way to its Content-Length; later ones are whole",
    )
    CUT_ALWAYS = "[cut-always]", "every transfer of its file stops half-way"
    HTML = "[html]", "every query about it is answered with an HTML page and HTTP 200"
    OUTAGE = "[outage]", "the first 3 queries about it are answered with an HTML 502 page"
    LOST = "[lost]", "the create is accepted, and the connection is closed before the answer"
    UNKNOWN_STATUS = "[unknown-status]", "reports a status word that nobody knows, `REVIEWING`, until it ends"

    def __init__(self, tag: str, meaning: str) -> None:
        self.tag = tag
        self.meaning = meaning


def fates_of(prompt: str) -> frozenset[Fate]:
    """
    Read the tags of a prompt.

    :param prompt: the prompt of a create, as received.
    :return: every fate whose tag stands in it.
    """
    return frozenset(fate for fate in Fate if fate.tag in prompt)
