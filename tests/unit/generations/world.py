"""
A gateway, a place for records and a clock: models that the real way to a generation is walked with.

The gateway is Kling, which finds generations by our id and takes such an id once, or a relay, which does
neither. At each point of contact something can go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar, TypeVar, cast

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingDuplicateError,
    KlingOutcomeUnknownError,
    KlingServerError,
    KlingUnreachableError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.api.retrying import Retry
from airflow_provider_kling.generations.identity import Order
from airflow_provider_kling.generations.pay_once import in_worker, on_loop, pay_once
from airflow_provider_kling.generations.record import Record, Settled, read_record

T = TypeVar("T")

MINUTE, HOUR, DAY = 60.0, 60 * 60.0, 24 * 60 * 60.0
FILES_KEPT = 30 * DAY
NOW = 1_790_000_000.0
# A try that touches the world more often than this goes round in circles.
MOST_CONTACTS = 200


class Killed(BaseException):
    """The end of a worker's process: nothing of ours may catch it."""


class StoreError(Exception):
    """What Airflow's API raises when it cannot be reached."""


class Luck(Enum):
    """What happens at one point of contact."""

    FINE = "as usual"
    KILLED_BEFORE = "the worker dies before it"
    KILLED_AFTER = "the worker dies after it"
    ERROR_BEFORE = "an error instead of it: a 5xx, and nothing made; a store that cannot be reached"
    ERROR_AFTER = "it happens, and an error is heard of it: a lost answer"
    LATE = "an error, and it happens while the try goes on: a submission that a proxy held back"
    VERY_LATE = "an error, and it happens after the try; of a search: it does not find yet what is there"
    REFUSED = "an error that says that it did not happen"


@dataclass
class Made:
    """A submission that was accepted, or is on its way to be."""

    task_id: str
    prompt: str
    own_id: str | None
    created: float | None
    state: GenerationState = GenerationState.PROCESSING
    ended: float | None = None
    known: bool = False  # a try went on with it
    seen_to_fail: bool = False  # and said so
    delivered: bool = False
    told: bool = False  # a try has said that it may be there
    released: bool = False  # by a clear: the user may have another one

    def end(self, state: GenerationState, now: float) -> None:
        if not self.state.ended:
            self.state, self.ended = state, now

    def has_no_video(self, now: float) -> bool:
        return self.state is GenerationState.FAILED or (
            self.ended is not None and now - self.ended > FILES_KEPT
        )

    def as_seen(self) -> Generation:
        return Generation(
            self.task_id,
            TEXT2VIDEO,
            self.state,
            videos=(Video("https://cdn/1.mp4"),) if self.state is GenerationState.SUCCEEDED else (),
            created_at=instant(self.created),
            finished_at=instant(self.ended),
        )


def happened(luck: Luck, error: Exception) -> None:
    """It did; what is heard of it?"""
    if luck is Luck.KILLED_AFTER:
        raise Killed
    if luck is Luck.ERROR_AFTER:
        raise error


def instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass
class World:
    """
    All that one try after the other meets.

    :param finds: Whether the gateway finds generations by our own id.
    :param lasts: Whether records outlive a try.
    :param before_a_submission: Is told of each that leaves and will be accepted.
    :param on_a_loop: Which driver walks, where that is not said.
    """

    finds: bool
    lasts: bool = True
    now: float = NOW
    made: list[Made] = field(default_factory=list)
    on_its_way: list[tuple[Luck, Made]] = field(default_factory=list)
    sent: int = 0
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    lucks: list[Luck] = field(default_factory=list)
    contacts: int = 0
    before_a_submission: Callable[[Made], None] = lambda new: None
    on_a_loop: ClassVar[bool] = False

    def settle(self, order: Order, *, on_a_loop: bool | None = None) -> Settled:
        """Walk the way to a generation."""
        gateway = GATEWAYS["official" if self.finds else "newapi"]
        way = pay_once(order, gateway, lasts=self.lasts, clock=lambda: self.now)
        if self.on_a_loop if on_a_loop is None else on_a_loop:
            asked = cast("Any", Awaited(self))
            return _at_once(on_loop(way, asked, asked, asked.sleep))
        me = cast("Any", self)
        return in_worker(way, me, me, self.sleep)

    def meet(self) -> Luck:
        self.contacts += 1
        assert self.contacts <= MOST_CONTACTS, "it goes round in circles"
        luck = self.lucks.pop(0) if self.lucks else Luck.FINE
        if luck is Luck.KILLED_BEFORE:
            raise Killed
        return luck

    # The client

    def perform(self, call: Call[Any], retry: Retry) -> Generation | None:
        assert retry is (Retry.UNLESS_THROTTLED if call.creates else Retry.FREELY)
        return self._submit(call.json or {}) if call.creates else self._find(call.path.rpartition("/")[2])

    def _submit(self, body: Any) -> Generation:
        own_id = body.get("external_task_id")
        assert (own_id is not None) is self.finds
        luck = self.meet()
        if luck is Luck.REFUSED:
            raise KlingUnreachableError("connection refused")
        self.sent += 1
        new = Made(f"task-{self.sent}", body["prompt"], own_id, self.now)
        if luck is Luck.ERROR_BEFORE:
            raise KlingOutcomeUnknownError("502")
        self.before_a_submission(new)
        if luck in (Luck.LATE, Luck.VERY_LATE):
            self.on_its_way.append((luck, new))
            raise KlingOutcomeUnknownError("no answer")
        accepted = self.accept(new)
        happened(luck, KlingOutcomeUnknownError("no answer"))
        if not accepted:
            raise KlingDuplicateError("taken")
        return new.as_seen()

    def _find(self, own_id: str) -> Generation | None:
        luck = self.meet()
        if luck is Luck.REFUSED:
            raise KlingAuthError("401")
        if luck is Luck.ERROR_BEFORE:
            raise KlingServerError("502")
        happened(luck, KlingServerError("502"))
        made = self.by_own_id(own_id)
        return None if made is None or luck in (Luck.LATE, Luck.VERY_LATE) else made.as_seen()

    # The store

    def recall(self, key: str) -> Record | None:
        if not self.lasts:
            return None
        self._use_store()
        return read_record(self.records.get(key))

    def remember(self, key: str, record: Record | None) -> None:
        if not self.lasts:
            return
        luck = self._use_store()
        if record is None:
            self.records.pop(key, None)
        else:
            self.records[key] = asdict(record)
        happened(luck, StoreError())

    def _use_store(self) -> Luck:
        luck = self.meet()
        if luck in (Luck.ERROR_BEFORE, Luck.REFUSED):
            raise StoreError
        return luck

    # The clock

    def sleep(self, seconds: float) -> None:
        luck = self.meet()
        self.now += seconds
        self.arrive(Luck.LATE)
        if luck is Luck.KILLED_AFTER:
            raise Killed

    # What is true, whoever asks

    def arrive(self, *lucks: Luck) -> None:
        for luck, late in list(self.on_its_way):
            if luck in lucks:
                self.on_its_way.remove((luck, late))
                self.accept(late)

    def accept(self, new: Made) -> bool:
        if new.own_id is not None and self.by_own_id(new.own_id):
            return False
        self.made.append(new)
        return True

    def by_own_id(self, own_id: str) -> Made | None:
        return next((made for made in self.made if made.own_id == own_id), None)

    def by_task_id(self, task_id: str) -> Made:
        (made,) = (made for made in self.made if made.task_id == task_id)
        return made

    def all_of(self, prompt: str) -> list[Made]:
        """What was or will be accepted; what is on its way is as good as made."""
        late = [late for _, late in self.on_its_way]
        return [made for made in (*self.made, *late) if made.prompt == prompt]


class Awaited:
    """A world, or a part of one, that is met with ``await``."""

    def __init__(self, world: object) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def meet(*arguments: Any) -> Any:
            return getattr(self._world, name)(*arguments)

        return meet


def _at_once(walk: Coroutine[Any, Any, T]) -> T:
    """Run what never has to wait for anything, without a loop."""
    try:
        walk.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("it waits for something")
