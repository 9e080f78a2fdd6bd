"""
One loop that asks for all generations that the triggers of a process wait for on one connection.

It reads as many as it can with each request, sends no more than the connection's budget allows, and asks a
gateway that is down with one request at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.endpoint import REQUESTS_PER_SECOND
from airflow_provider_kling.api.errors import KlingAuthError, KlingError, KlingThrottledError
from airflow_provider_kling.api.gateways import LONGEST_PAGE, MOST_AT_ONCE, Ability, Gateway, is_not_served
from airflow_provider_kling.api.generation import Generation, Outcomes
from airflow_provider_kling.api.retrying import Retry
from airflow_provider_kling.waiting.budget import Breaker, Budget
from airflow_provider_kling.waiting.wait import CLOCK, Clock
from airflow_provider_kling.waiting.watched import Awaited, Watched, Way

if TYPE_CHECKING:
    from airflow_provider_kling.api.async_client import AsyncKlingClient
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.waiting.pacing import Experience, Pacing

# Requests that are under way at the same time, and so connections.
MOST_AT_A_TIME = 8
# A page of the account's list, with everything else that is on it, is taken in place of so many questions.
QUESTIONS_FOR_A_PAGE = 3
# It is so much longer than it would be if all that are waited for stood at its top, and no shorter than that.
PAGE_MARGIN = 4
SHORTEST_PAGE = 30


class Watcher:
    """
    Asks for generations until nobody waits any more. Made, and used, in an event loop.

    The loop has the time of all pauses; the clock says which instant of wall-clock time it is.

    :param open_client: Makes a client of the connection as it is now.
    :param on_end: Called whenever a generation has ended, well or not.
    """

    def __init__(
        self,
        open_client: Callable[[], Awaitable[AsyncKlingClient]],
        experience: Experience,
        on_end: Callable[[], None],
        pacing: Pacing,
        clock: Clock = CLOCK,
    ) -> None:
        self._open_client = open_client
        self._experience = experience
        self._on_end = on_end
        self._pacing = pacing
        self._clock = clock
        self._waiting: dict[str, list[Watched]] = {}
        self._later: list[tuple[float, int, Watched]] = []  # a heap, by the instant when it is due
        self._due: deque[tuple[int, Watched]] = deque()
        self._turns = itertools.count(1)
        self._changed = asyncio.Event()
        self._asking = 0
        self._budget = Budget(REQUESTS_PER_SECOND)
        self._breaker = Breaker(pacing.shortest_outage, pacing.longest_outage)
        self._clients = AsyncExitStack()
        self._client: AsyncKlingClient | None = None
        self._renewing = asyncio.Lock()
        self._renewed_at = -math.inf
        self._gateway: Gateway
        self._ways: set[Way] = set()  # besides asking for each alone
        # Not in the context of the trigger that happens to come first: its log is closed when that one ends.
        self._runner = asyncio.create_task(self._run(), context=contextvars.Context())

    @property
    def is_over(self) -> bool:
        """Whether it watches no more, because all have left, or for a defect."""
        return not self._waiting or self._runner.done()

    async def watch(self, awaited: Awaited) -> Generation:
        """
        Return a generation once it has ended, well or not.

        :raises KlingError: the waiting ended otherwise.
        """
        watched = Watched(awaited, self._pacing, self._experience)
        same = self._waiting.setdefault(watched.task_id, [])
        same.append(watched)
        self._schedule(watched, watched.first_pause(self._clock.now()))
        try:
            return await watched.future
        finally:
            same.remove(watched)
            if not same:
                del self._waiting[watched.task_id]
            if not self._waiting:
                self._runner.cancel()
                await asyncio.wait([self._runner])  # so that nothing is left open if the event loop ends now

    async def _run(self) -> None:
        try:
            async with self._clients, asyncio.TaskGroup() as questions:
                await self._dispatch(questions)
        except Exception as error:  # a defect of ours, of which all have to hear
            self._fail_all(error.exceptions[0] if isinstance(error, ExceptionGroup) else error)

    # When to ask

    async def _dispatch(self, questions: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            pause = self._ready_at() - self._now()
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause if pause < math.inf else None):
                        await self._changed.wait()
                continue
            client = await self._connected()
            question = self._question(client) if client else None
            if question is not None:
                self._asking += 1
                self._budget.spend(self._now())
                questions.create_task(self._asked(question))

    def _ready_at(self) -> float:
        """Return the instant from which on the next question may be sent."""
        while self._due and not self._due[0][-1].has_turn(self._due[0][0]):
            self._due.popleft()
        while self._later and not self._later[0][-1].has_turn(self._later[0][1]):
            heapq.heappop(self._later)
        busy = self._asking >= (1 if self._breaker.is_open else MOST_AT_A_TIME)
        if busy or not (self._due or self._later):
            return math.inf
        due_at = 0.0 if self._due else self._later[0][0]
        return max(due_at, self._budget.ready_at(), self._breaker.ready_at())

    def _schedule(self, watched: Watched, pause: float) -> None:
        due_at = self._now() + pause
        tick = self._pacing.tick
        if pause > tick:
            due_at = max(round(due_at / tick) * tick, watched.earliest)
        watched.turn = next(self._turns)
        heapq.heappush(self._later, (due_at, watched.turn, watched))
        if self._later[0][-1] is watched:
            self._changed.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # Whom to ask

    async def _connected(self) -> AsyncKlingClient | None:
        """Return the client; None where there is none that can be used."""
        sent_at = self._now()
        try:
            if self._client is None:
                await self._use(await self._open_client())
        except KlingError as error:
            if error.retryable:
                self._breaker.failed(self._now(), sent_at)
                self._give_up_overdue(error)
            else:
                self._fail_all(error)
        return self._client

    async def _use(self, client: AsyncKlingClient) -> None:
        try:
            gateway = await client.gateway()
        except BaseException:
            await client.close()
            raise
        # The one before it stays open for the answers that are still under way.
        self._client = await self._clients.enter_async_context(client)
        abilities = {Way.TOGETHER: Ability.QUERY_MANY, Way.BY_PAGE: Ability.LIST}
        self._ways = {way for way, what in abilities.items() if client.endpoint.can(gateway, what)}
        self._budget = Budget(client.endpoint.requests_per_second)
        self._gateway = gateway

    async def _is_renewed(self, refused: AsyncKlingClient) -> bool:
        """Look the connection up again, whose key was refused; return whether there is another one now."""
        async with self._renewing:
            if self._client is refused and self._now() >= self._renewed_at + self._pacing.renewal:
                client = await self._open_client()
                if client.endpoint == refused.endpoint:
                    await client.close()
                else:
                    await self._use(client)
                self._renewed_at = self._now()
            return self._client is not refused

    # How to ask

    def _question(self, client: AsyncKlingClient) -> Coroutine[Any, Any, object] | None:
        """Return the next question, for whoever has been due the longest; None if they have left."""
        # Whoever is due with the next tick fills the question up.
        until = self._now() + (self._pacing.tick if Way.TOGETHER in self._ways else 0.0)
        while self._later and self._later[0][0] <= until:
            _, turn, watched = heapq.heappop(self._later)
            self._due.append((turn, watched))
        if not (asked := self._taken(1, Way.ALONE)):
            return None
        way = min(watched.way for watched in asked)
        many = len(self._due) >= QUESTIONS_FOR_A_PAGE * self._most_at_once
        if way is Way.BY_PAGE and many and Way.BY_PAGE in self._ways and not self._breaker.is_open:
            asked += self._taken(len(self._due), way, asked[0])
            return self._ask_by_page(client, asked)
        if way >= Way.TOGETHER:
            asked += self._taken(self._most_at_once - 1, Way.TOGETHER, asked[0])
        task_ids = list({watched.task_id: None for watched in asked})
        gateway, product = self._gateway, asked[0].product
        if len(task_ids) > 1:
            return self._answer(client, partial(gateway.query_many, task_ids, product), asked, Way.TOGETHER)
        return self._answer(client, partial(gateway.query, task_ids[0], product), asked, Way.ALONE)

    @property
    def _most_at_once(self) -> int:
        return MOST_AT_ONCE if Way.TOGETHER in self._ways else 1

    def _taken(self, most: int, way: Way, like: Watched | None = None) -> list[Watched]:
        """
        Take those who are due and can be asked for in this way, together with another.

        :param most: Of how many generations at most; all who wait for the same one are taken at once.
        """
        taken: list[Watched] = []
        left: list[tuple[int, Watched]] = []
        while self._due and most:
            turn, watched = self._due.popleft()
            if not watched.has_turn(turn):
                continue
            if watched.way >= way and (like is None or watched.product == like.product):
                most -= 1
                for same in self._waiting[watched.task_id]:
                    if same.product == watched.product:
                        same.turn = 0
                        taken.append(same)
            else:
                left.append((turn, watched))
        self._due.extendleft(reversed(left))
        return taken

    async def _asked(self, question: Coroutine[Any, Any, object]) -> None:
        try:
            await question
        finally:
            self._asking -= 1
            self._changed.set()

    async def _ask_by_page(self, client: AsyncKlingClient, asked: Sequence[Watched]) -> None:
        """Read the account's list, newest first, in fewer requests than asking by ids would take."""
        size = min(max(PAGE_MARGIN * len(self._waiting), SHORTEST_PAGE), LONGEST_PAGE)
        missing = {watched.task_id for watched in asked}
        for page in range(1, 1 + len(missing) // (QUESTIONS_FOR_A_PAGE * self._most_at_once)):
            ask = partial(self._gateway.list_tasks, asked[0].product, page=page, page_size=size)
            left = [watched for watched in asked if watched.task_id in missing]
            outcomes = await self._answer(client, ask, left, Way.BY_PAGE)
            if outcomes is None:
                return
            missing -= outcomes.keys()
            if len(missing) <= self._most_at_once or len(outcomes) < size:
                break
            await asyncio.sleep(self._budget.ready_at() - self._now())
            self._budget.spend(self._now())
        self._ask_again([watched for watched in asked if watched.task_id in missing], Way.TOGETHER)

    async def _answer(
        self, client: AsyncKlingClient, ask: Callable[[], Call[Any]], asked: Sequence[Watched], way: Way
    ) -> Outcomes | None:
        """Tell all whom it concerns what the gateway answers, and return it; None where it did not."""
        sent_at = self._now()
        try:
            call = ask()  # here, as an id may be none that can be asked for
            answer = await client.perform(call, retry=Retry.NEVER)
        except KlingError as error:
            await self._refused(client, error, asked, way, sent_at)
            return None
        self._budget.answered()
        self._breaker.answered()
        outcomes: Outcomes = {asked[0].task_id: answer} if way is Way.ALONE else answer
        # Not only to those who asked: what it tells of the others is just as good.
        for task_id, outcome in outcomes.items():
            for watched in self._waiting.get(task_id, ()):
                if watched.product == asked[0].product:
                    self._take(watched, outcome)
        return outcomes

    # What an answer means

    async def _refused(
        self, client: AsyncKlingClient, error: KlingError, asked: Sequence[Watched], way: Way, sent_at: float
    ) -> None:
        if error.retryable and not isinstance(error, KlingThrottledError):
            self._breaker.failed(self._now(), sent_at)
        else:
            self._breaker.answered()
        if error.retryable:
            self._give_up_overdue(error)
        if isinstance(error, KlingThrottledError):
            self._budget.throttled(self._now(), sent_at, error.retry_after)
        elif isinstance(error, KlingAuthError):
            try:
                if await self._is_renewed(client):
                    return self._ask_again(asked)
            except KlingError as unusable:
                error = unusable
        elif way > Way.ALONE and not error.retryable:
            # It may be about one of them only, or about this way of asking.
            if way is Way.BY_PAGE or is_not_served(error):
                self._ways -= {way}
            return self._ask_again(asked, Way(way - 1))
        if way is Way.BY_PAGE and error.retryable:
            return self._ask_again(asked)  # without a word to each of so many
        for watched in asked:
            self._take(watched, error)

    def _give_up_overdue(self, error: KlingError) -> None:
        for watched in self._all():  # as it may take long until they are asked for
            watched.give_up_if_overdue(error, self._clock.now())

    def _ask_again(self, asked: Sequence[Watched], way: Way = Way.BY_PAGE) -> None:
        for watched in asked:
            watched.way = min(watched.way, way)
            self._schedule(watched, 0.0)

    def _take(self, watched: Watched, outcome: Generation | KlingError) -> None:
        if watched.future.done():
            return
        if (too_early := watched.earliest - self._now()) > 0:  # it was somebody else's question
            return self._schedule(watched, too_early)
        together = Way.TOGETHER in self._ways
        shortest = self._pacing.shortest_pause if together else self._pacing.shortest_pause_alone
        pause = watched.take(outcome, max(shortest, self._gateway.stale_seconds), self._clock.now())
        if pause is not None:
            self._schedule(watched, pause)
        elif isinstance(outcome, Generation) and outcome.state.ended:
            self._on_end()

    def _fail_all(self, error: Exception) -> None:
        for watched in self._all():
            watched.fail(error)

    def _all(self) -> Iterable[Watched]:
        return itertools.chain.from_iterable(self._waiting.values())
