"""Time that passes at once, and a gateway that lives in it: an hour of waiting, seen in no time."""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.endpoint import AccessKey, ApiKey, Endpoint
from airflow_provider_kling.api.errors import KlingError, KlingTaskNotFoundError
from airflow_provider_kling.api.gateways import GATEWAYS, Gateway
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.api.retrying import Retry
from airflow_provider_kling.waiting.pacing import Experience, Pacing
from airflow_provider_kling.waiting.wait import Clock
from airflow_provider_kling.waiting.watched import Awaited
from airflow_provider_kling.waiting.watcher import Watcher

# The loop's clock when a test begins, a multiple of the tick; and the instant that it then is.
START, NOW = 900.0, 1_790_000_000.0
HOUR = 3600.0
# As the gateways pace us, but for the chance in it.
STEADY = Pacing(jitter=0.0)


class _Jumping(selectors.DefaultSelector):
    """Lets the time pass until the next timer goes off, instead of waiting for it."""

    now = START

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("All wait, and nothing will ever happen.")
        self.now += max(timeout, 0.0)
        return super().select(0)


def virtual_loop() -> asyncio.AbstractEventLoop:
    jumping = _Jumping()
    loop = asyncio.SelectorEventLoop(jumping)
    loop.time = lambda: jumping.now  # type: ignore[method-assign]
    return loop


class VirtualClock(Clock):
    def now(self) -> float:
        return NOW + elapsed()


def in_no_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a virtual loop, which at its end has nothing left to do."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def whole() -> None:
            await test(*arguments, **named)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=virtual_loop) as runner:
            runner.run(whole())

    return run


def elapsed() -> float:
    """The seconds since the test began."""
    return asyncio.get_running_loop().time() - START


@dataclass
class Question:
    """
    A request as it was sent.

    :param what: ``single``, ``batch``, or ``page of`` so many.
    :param at: Seconds since the test began.
    :param beside: How many were under way when it left.
    :param ids: The generations that it names; none for a page of the list.
    :param page: Its number.
    """

    what: str
    path: str
    at: float
    beside: int
    ids: list[str]
    page: int = 0
    ended_at: float = math.inf
    error: KlingError | None = None


class Kling:
    """
    A gateway and its account.

    :param seconds: From a question to its answer.
    :param rate: The requests in a second that the connection allows; more than anybody sends.
    """

    def __init__(
        self, gateway: str = "official", *, access_key: bool = False, seconds: float = 0.05, rate: float = 1e6
    ) -> None:
        key = AccessKey("access", "secret-0123456789-0123456789-0123") if access_key else ApiKey("key")
        self.endpoint = Endpoint(GATEWAYS[gateway], "http://kling.test", key, requests_per_second=rate)
        self.tells_times = gateway == "official"
        self.seconds = seconds
        self.fault: Callable[[Question], KlingError | None] = lambda question: None
        self.questions: list[Question] = []
        self.clients: list[Client] = []
        self.ends = 0
        self._made: dict[str, tuple[float, float, GenerationState]] = {}  # oldest first

    def make(
        self, count: int = 1, lasts: float = 0.0, state: str = "succeeded", age: float = 0.0
    ) -> list[str]:
        """Make generations that end in that state, so many seconds from now; return their ids."""
        new = [str(len(self._made) + number) for number in range(count)]
        made = (elapsed() - age, elapsed() + lasts, GenerationState(state))
        self._made |= dict.fromkeys(new, made)
        return new

    def asked(self, kind: str) -> list[Question]:
        return [question for question in self.questions if question.what.startswith(kind)]

    def instants(self) -> list[float]:
        return [question.at for question in self.questions]

    async def open(self) -> Any:
        self.clients.append(Client(self))
        return self.clients[-1]

    def watcher(
        self, experience: Experience | None = None, open_client: Callable[[], Awaitable[Any]] | None = None
    ) -> Watcher:
        experience = experience or Experience()
        return Watcher(open_client or self.open, experience, self._ended, STEADY, VirtualClock())

    def state_of(self, task_id: str) -> Generation | KlingError:
        if task_id not in self._made:
            return KlingTaskNotFoundError("There is no such generation.", task_id=task_id)
        made_at, ends_at, state = self._made[task_id]
        over = elapsed() >= ends_at
        return Generation(
            task_id,
            TEXT2VIDEO,
            state if over else GenerationState.PROCESSING,
            (Video("https://cdn.test/v.mp4"),) if over else (),
            created_at=_instant(made_at) if self.tells_times else None,
            finished_at=_instant(ends_at) if self.tells_times and over else None,
        )

    def page(self, number: int, size: int) -> list[str]:
        return list(reversed(self._made))[(number - 1) * size : number * size]

    def closed(self) -> list[bool]:
        return [client.closed for client in self.clients]

    def _ended(self) -> None:
        self.ends += 1


class Client(AbstractAsyncContextManager[Any]):
    """What the watcher needs of an AsyncKlingClient."""

    def __init__(self, kling: Kling) -> None:
        self.kling = kling
        self.endpoint = kling.endpoint
        self.closed = False

    async def gateway(self) -> Gateway:
        return cast("Gateway", self.endpoint.gateway)

    async def perform(self, call: Call[Any], retry: Retry) -> Any:
        assert retry is Retry.NEVER  # who asks for many repeats nothing by itself
        assert not self.closed
        question = self._question(call)
        self.kling.questions.append(question)
        assert len(self.kling.questions) < 10_000  # where time costs nothing, asking on and on has no end
        try:
            await asyncio.sleep(self.kling.seconds)
            if error := self.kling.fault(question):
                question.error = error
                raise error
            return self._answer(question)
        finally:
            question.ended_at = elapsed()

    def _question(self, call: Call[Any]) -> Question:
        query = dict(call.query or {})
        beside = sum(other.ended_at == math.inf for other in self.kling.questions)
        asked = functools.partial(Question, path=call.path, at=elapsed(), beside=beside)
        if "pageNum" in query:
            return asked(f"page of {query['pageSize']}", ids=[], page=int(query["pageNum"]))
        if "task_ids" in query:
            return asked("batch", ids=str(query["task_ids"]).split(","))
        return asked("single", ids=[call.path.rpartition("/")[-1]])

    def _answer(self, question: Question) -> Any:
        ids = question.ids or self.kling.page(question.page, int(question.what.split()[-1]))
        outcomes = {task_id: self.kling.state_of(task_id) for task_id in ids}
        if question.what != "single":
            return outcomes
        if isinstance(outcome := outcomes[question.ids[0]], KlingError):
            raise outcome
        return outcome

    async def close(self) -> None:
        self.closed = True

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def outcome_of(
    watcher: Watcher, task_id: str, *, product: str = TEXT2VIDEO, lasts: float = HOUR, **facts: Any
) -> Any:
    """Wait for a generation for so many seconds; return it as it ended, or the error that came instead."""
    try:
        return await watcher.watch(Awaited(task_id, product, NOW + elapsed() + lasts, **facts))
    except KlingError as error:
        return error


async def outcomes_of(watcher: Watcher, task_ids: Iterable[str], **facts: Any) -> list[Any]:
    return await asyncio.gather(*(outcome_of(watcher, task_id, **facts) for task_id in task_ids))


def names(outcomes: Iterable[Any]) -> list[str]:
    """What came of waitings: the state of an end, or the type of an error."""
    return [str(getattr(outcome, "state", type(outcome).__name__)) for outcome in outcomes]


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)
