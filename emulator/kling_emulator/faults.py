"""What can go wrong with one answer, whoever asked for it: a plan, or the tags of a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from kling_emulator.fates import Fate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.tasks import VideoTask

_OUTAGE_QUERIES = 3


class On(StrEnum):
    """What is asked for."""

    CREATE = "create"
    QUERY = "query"
    LIST = "list"
    ACCOUNT = "account"
    FILE = "file"


_ANYTHING = tuple(On)
_ANSWERS = (On.CREATE, On.QUERY, On.LIST, On.ACCOUNT)
_TASKS = (On.QUERY, On.LIST)
_NO_DETAILS: dict[str, Any] = {}


class Kind(Enum):
    """A fault: its name, what it can happen to, its details with their defaults, and what it does."""

    ERROR_BEFORE = "error-before", _ANYTHING, {"status": 500}, "the gateway's own error; nothing is made"
    ERROR_AFTER = "error-after", (On.CREATE,), {"status": 500}, "the task is made; the gateway's own error"
    CUT_BEFORE = (
        "cut-before",
        _ANYTHING,
        _NO_DETAILS,
        "nothing is made; the connection is closed without an answer",
    )
    CUT_AFTER = (
        "cut-after",
        (On.CREATE,),
        _NO_DETAILS,
        "the task is made; the connection is closed without an answer",
    )
    SLOW = "slow", _ANYTHING, {"seconds": 1.0}, "nothing happens for so many seconds, then all is as usual"
    HTML = "html", _ANYTHING, {"status": 502}, "an HTML page; nothing is made"
    HTML_AFTER = "html-after", (On.CREATE,), {"status": 502}, "the task is made; an HTML page"
    TRUNCATED = "truncated", _ANSWERS, _NO_DETAILS, "half of the JSON, with a Content-Length that fits"
    UNKNOWN_STATUS = (
        "unknown-status",
        _TASKS,
        _NO_DETAILS,
        "the status word `REVIEWING`, for a task at its end too",
    )
    NO_URL = "no-url", _TASKS, _NO_DETAILS, "a success without any URL; waits for an answer with a success"
    SHORT_BODY = (
        "short-body",
        _ANYTHING,
        _NO_DETAILS,
        "half of the Content-Length is sent, then the connection closes",
    )
    ANSWER = (
        "answer",
        _ANYTHING,
        {"status": 200, "body": "", "headers": {}},
        "this status, this body (JSON, or text as it is) and these headers; nothing is made",
    )

    def __init__(self, label: str, places: tuple[On, ...], details: Mapping[str, Any], meaning: str) -> None:
        self.label = label
        self.places = places
        self.details = details
        self.meaning = meaning


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault with its details, of which it has those that its kind has."""

    kind: Kind
    status: int = 200
    seconds: float = 0.0
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def lies(self) -> frozenset[Fate]:
        """What it makes an answer say of a task."""
        lies = {Kind.NO_URL: Fate.NO_URL, Kind.UNKNOWN_STATUS: Fate.UNKNOWN_STATUS}
        return frozenset({lies[self.kind]} if self.kind in lies else ())


def fault_of_create(task: VideoTask) -> Fault | None:
    """
    Tell what the tags of a prompt do to the answer to its create.

    :param task: the task that it made.
    """
    return Fault(kind=Kind.CUT_AFTER) if Fate.LOST in task.fates else None


def fault_of_query(task: VideoTask) -> Fault | None:
    """
    Tell what the tags of a prompt do to the answer to a query.

    :param task: the task asked about, this query being counted.
    """
    if Fate.HTML in task.fates:
        return Fault(kind=Kind.HTML, status=200)
    if Fate.OUTAGE in task.fates and task.queries <= _OUTAGE_QUERIES:
        return Fault(kind=Kind.HTML, status=502)
    return None


def fault_of_transfer(task: VideoTask) -> Fault | None:
    """
    Tell what the tags of a prompt do to a transfer.

    :param task: the task whose file it is, this transfer being counted.
    """
    if Fate.CUT_ALWAYS in task.fates or (Fate.CUT in task.fates and task.transfers == 1):
        return Fault(kind=Kind.SHORT_BODY)
    return None
