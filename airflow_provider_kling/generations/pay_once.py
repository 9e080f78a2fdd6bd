"""
The way to a paid generation that never pays twice, decided once and walked by a worker or by an event loop.

Airflow runs a task again after a crash, an error or a clear, and a generation cannot be cancelled. A gateway
that finds generations by our own id needs no memory of ours: the id is the same in every try, so that the
next one finds what an earlier one made. For the others a submission is recorded before it is sent, and the
gateway's id once it is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import (
    KlingDuplicateError,
    KlingError,
    KlingOutcomeUnknownError,
    KlingUnrecordedError,
    KlingUnsettledError,
)
from airflow_provider_kling.api.gateways import Ability, Gateway
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.retrying import Retry
from airflow_provider_kling.generations.identity import OnRerun, OnUnknownOutcome, Order
from airflow_provider_kling.generations.record import Record, Settled

if TYPE_CHECKING:
    from airflow_provider_kling.api.async_client import AsyncKlingClient
    from airflow_provider_kling.api.client import KlingClient
    from airflow_provider_kling.generations.stores import AsyncStore, Store

log = logging.getLogger(__name__)

# Kling deletes the file of a generation 30 days after its end (Kling's docs, result links).
FILES_KEPT_SECONDS = 30 * 24 * 60 * 60.0
# A submission whose answer was lost may come through late: it is looked for again before it is sent again.
LOOK_AGAIN_SECONDS = 10.0
# How often a try sends a submission whose outcome stays in doubt, before it leaves it to the next try.
MOST_SENDS = 3
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Recall:
    """Get what is recorded under a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Record this under a key; None takes away what is there."""

    key: str
    record: Record | None


T = TypeVar("T")
# What is to be done next: to send a call, to read or write a record, or to pause for so many seconds. What
# came of it is sent back, an error thrown.
Step: TypeAlias = Call[Any] | Recall | Remember | float
Way: TypeAlias = Generator[Step, Any, T]


def pay_once(
    order: Order, gateway: Gateway, *, lasts: bool, clock: Callable[[], float] = time.time
) -> Way[Settled]:
    """
    Submit a generation, or take over the one that an earlier try submitted.

    :param lasts: Whether the next try finds what this one records.
    :param clock: Returns the seconds since the epoch.
    :raises KlingOutcomeUnknownError: whether there is a generation cannot be known, nor risked.
    :raises KlingUnsettledError: the same, and the next try may find out or submit again.
    :raises KlingUnrecordedError: it was submitted, and the next try will not know of it.
    :raises KlingError: the gateway refused, or could not be asked; nothing was made.
    """
    way = _PayOnce(order, gateway, lasts, clock)
    before = yield Recall(order.record_key)
    if Ability.FIND in gateway.abilities:
        return (yield from way.by_search(before))
    if not lasts:
        log.warning(
            "This Airflow keeps no task state, and the gateway finds no generation by an id of ours: should "
            "this worker die, the next try will pay again (docs/guarantees.md)"
        )
    return (yield from way.by_record(before))


@dataclass(frozen=True, slots=True)
class _PayOnce:
    order: Order
    gateway: Gateway
    lasts: bool
    clock: Callable[[], float]

    def by_search(self, record: Record | None) -> Way[Settled]:
        """Ask the gateway; a record only tells which take was delivered, and since when the task waits."""
        take, sends, in_doubt = 1, 0, False
        good: tuple[int, Generation] | None = None
        while True:
            found = yield from self._look(take, sends)
            if found is None and in_doubt:
                yield LOOK_AGAIN_SECONDS
                found = yield from self._look(take, sends)
            if found is None:
                if good is not None and not self._is_delivered(record, good[0]):
                    return (yield from self._found(record, *good))
                if sends == MOST_SENDS:
                    raise KlingUnsettledError(
                        f"The submission was sent {sends} times, and none of them was heard of."
                    )
                sends, since = sends + 1, self.clock()
                try:
                    made = yield self.gateway.submit(self.order.request, self.order.external_task_id(take))
                except (KlingOutcomeUnknownError, KlingDuplicateError) as error:
                    log.warning("Looking whether the submission was accepted: %s", error)
                    in_doubt = True
                    continue
                log.info("Submitted Kling task %s", made.task_id)
                yield from self._waits_from(record, take, since)
                return self._settled(made.task_id, take, since)
            if found.state is GenerationState.FAILED or self._is_gone(found):
                take, in_doubt = take + 1, False
            elif found.state is GenerationState.SUCCEEDED and self.order.on_rerun is OnRerun.REGENERATE:
                # It is looked past, to see whether it has been made anew already.
                good, take, in_doubt = (take, found), take + 1, False
            else:
                return (yield from self._found(record, take, found))

    def by_record(self, before: Record | None) -> Way[Settled]:
        """Go by what an earlier try left, as the gateway finds nothing by our own id."""
        key, clears, now = self.order.record_key, self.order.clears, self.clock()
        if before is not None and not self._is_superseded(before):
            if before.kling_task_id is not None:
                since = before.sent_at or None
                return (yield from self._adopted(before, before.take, before.kling_task_id, since))
            yield Remember(key, replace(before, stopped_in=clears))
            raise KlingOutcomeUnknownError(
                f"An earlier try died while it was submitting {self._what(before.sent_at)}, and the gateway "
                "cannot be asked whether it made a generation."
            )
        call = self.gateway.submit(self.order.request)
        intent = Record(before.take + 1 if before else 1, sent_at=now, waited_in=clears, waits_since=now)
        yield Remember(key, intent)
        try:
            made = yield call
        except KlingOutcomeUnknownError as error:
            yield Remember(key, replace(intent, stopped_in=clears))
            stops = self.order.on_unknown_outcome is OnUnknownOutcome.STOP
            kind = KlingOutcomeUnknownError if stops else KlingUnsettledError
            raise kind(
                f"{error.message} It was submitting {self._what(self.clock())}.",
                code=error.code,
                http_status=error.http_status,
                request_id=error.request_id,
                gateway=error.gateway,
            ) from error
        except KlingError:  # which says that nothing was made: what there was before is all there is
            yield Remember(key, before)
            raise
        log.info("Submitted Kling task %s", made.task_id)
        try:
            yield Remember(key, replace(intent, kling_task_id=made.task_id))
        except Exception as error:
            # The next try would find an intent without an id, and stop; this one still knows the id.
            raise KlingUnrecordedError(
                f"Kling task {made.task_id} was submitted, goes on and is billed, and could not be recorded "
                f"({type(error).__name__}: {error}).",
                task_id=made.task_id,
            ) from error
        return self._settled(made.task_id, intent.take, now)

    # What is there

    def _look(self, take: int, sends: int) -> Way[Generation | None]:
        try:
            found: Generation | None = yield self.gateway.find(self.order.external_task_id(take))
        except KlingError as error:
            if not sends:
                raise
            kind = KlingUnsettledError if error.retryable else KlingOutcomeUnknownError
            raise kind(f"Cannot look for what was submitted: {error.message} {error.remedy}") from error
        return found

    def _is_gone(self, found: Generation) -> bool:
        ended_at = found.finished_at or found.created_at
        return found.state.ended and ended_at is not None and self._is_too_old(ended_at.timestamp())

    def _is_too_old(self, instant: float) -> bool:
        return self.clock() - instant > FILES_KEPT_SECONDS

    def _is_superseded(self, record: Record) -> bool:
        """Return whether another generation is to be made in the place of a recorded one."""
        if record.failed:
            return True
        if record.kling_task_id is None:
            # Who clears a task that has said so has read it, and wants it submitted.
            told = record.stopped_in is not None and self.order.clears > record.stopped_in
            return told or self.order.on_unknown_outcome is OnUnknownOutcome.RESUBMIT
        if record.sent_at and self._is_too_old(record.sent_at):
            return True
        return self.order.on_rerun is OnRerun.REGENERATE and self._is_delivered(record, record.take)

    def _is_delivered(self, record: Record | None, take: int) -> bool:
        """Return whether the task succeeded with this take, and was cleared after that."""
        if not self.lasts:
            # A first try after a clear of a task with a good generation is taken for a clear of a success.
            return self.order.first_since_clear
        if record is None or record.delivered_in is None:
            return False
        return take <= record.take and self.order.clears > record.delivered_in

    # What a try goes on with

    def _found(self, record: Record | None, take: int, found: Generation) -> Way[Settled]:
        since = found.created_at.timestamp() if found.created_at else None
        return (yield from self._adopted(record, take, found.task_id, since))

    def _adopted(
        self, record: Record | None, take: int, kling_task_id: str, since: float | None
    ) -> Way[Settled]:
        """Take over; the waiting counts from the submission, but anew after a clear."""
        log.info("Adopting Kling task %s, which an earlier try submitted", kling_task_id)
        clears = self.order.clears
        if clears and record is not None and record.waited_in == clears:
            since = record.waits_since
        elif clears and (self.lasts or self.order.first_since_clear):  # else from the clear on, were it known
            since = self.clock()
            yield from self._waits_from(record, take, since)
        return self._settled(kling_task_id, take, since)

    def _waits_from(self, record: Record | None, take: int, since: float) -> Way[None]:
        """Keep since when a cleared task waits, for the retries that may follow."""
        if clears := self.order.clears:
            record = replace(record or Record(take), waited_in=clears, waits_since=since)
            yield Remember(self.order.record_key, record)

    def _settled(self, kling_task_id: str, take: int, since: float | None) -> Settled:
        return Settled(kling_task_id, take, since, self.order.record_key, self.order.clears)

    def _what(self, sent_at: float) -> str:
        sent = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(sent_at)) if sent_at else "an unknown time"
        prompt = self.order.request.prompt
        shown = prompt if len(prompt) <= _SHOWN_CHARACTERS else f"{prompt[:_SHOWN_CHARACTERS]}..."
        return f"{shown!r} at {sent}"


# Who walks it


def in_worker(
    way: Way[T], client: KlingClient, store: Store, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Walk a way in this thread, and return what is at its end."""
    try:
        step = next(way)
        while True:
            try:
                came = _take(step, client, store, sleep)
            except Exception as error:
                step = way.throw(error)
            else:
                step = way.send(came)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def on_loop(
    way: Way[T],
    client: AsyncKlingClient,
    store: AsyncStore,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Do the same on an event loop. Who may be cancelled shields it: what is sent is recorded after that."""
    try:
        step = next(way)
        while True:
            try:
                came = await _take(step, client, store, sleep)
            except Exception as error:
                step = way.throw(error)
            else:
                step = way.send(came)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _take(step: Step, client: Any, store: Any, sleep: Callable[[float], Any]) -> Any:
    """Return what comes of a step, or what is to be awaited for that."""
    match step:
        case Recall():
            return store.recall(step.key)
        case Remember():
            return store.remember(step.key, step.record)
        case Call():
            # Whether and where to wait for room at the account is for whoever ordered to say.
            return client.perform(step, Retry.UNLESS_THROTTLED if step.creates else Retry.FREELY)
        case pause:
            return sleep(pause)
