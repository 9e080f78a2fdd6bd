"""
Any order of tries, crashes, clears, changed requests and late answers: never paid twice.

The submission is the real one; around it are models: a gateway (Kling, which finds generations by our id and
takes such an id once, or a relay, which does neither), Airflow's task state store, Airflow's numbering of
tries, and a clock. At each of a try's points of contact with them something can go wrong.
"""

from __future__ import annotations

import logging
import time as real_time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingDuplicateError,
    KlingError,
    KlingOutcomeUnknownError,
    KlingServerError,
    KlingUnreachableError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.generations import submitting
from airflow_provider_kling.generations.submissions import Asked, OnRerun, OnUnknownOutcome, fingerprint
from airflow_provider_kling.generations.submitting import Settled, Submission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.execution_time.context import TaskStateStoreAccessor
    from airflow.sdk.types import Logger

    from airflow_provider_kling.hooks.kling import KlingHook

MINUTE, HOUR, DAY = 60.0, 60 * 60.0, 24 * 60 * 60.0
FILES_KEPT = 30 * DAY
# A try that touches the world more often than this goes round in circles.
MOST_CONTACTS = 200
PROMPTS = {prompt: Text2VideoRequest.checked({"prompt": prompt}) for prompt in "ABCDEFGH"}


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
    created: float
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

    def is_gone(self, now: float) -> bool:
        return self.ended is not None and now - self.ended > FILES_KEPT

    def has_no_video(self, now: float) -> bool:
        return self.state is GenerationState.FAILED or self.is_gone(now)


@dataclass
class World:
    """The gateway behind a hook, the store and the clock, as one try after the other meets them."""

    finds: bool
    now: float = 1_790_000_000.0
    made: list[Made] = field(default_factory=list)
    on_its_way: list[tuple[Luck, Made]] = field(default_factory=list)
    sent: int = 0
    records: dict[str, Any] = field(default_factory=dict)
    lucks: list[Luck] = field(default_factory=list)
    contacts: int = 0
    before_a_submission: Any = None

    def meet(self) -> Luck:
        self.contacts += 1
        assert self.contacts <= MOST_CONTACTS, "it goes round in circles"
        luck = self.lucks.pop(0) if self.lucks else Luck.FINE
        if luck is Luck.KILLED_BEFORE:
            raise Killed
        return luck

    # The hook

    def get_conn(self) -> Any:
        return SimpleNamespace(can=lambda _: self.finds)

    def submit(
        self, request: Text2VideoRequest, external_task_id: str | None = None, *, retry_throttled: bool
    ) -> Generation:
        assert not retry_throttled
        assert (external_task_id is not None) is self.finds
        luck = self.meet()
        if luck is Luck.REFUSED:
            raise KlingUnreachableError("connection refused")
        self.sent += 1
        new = Made(f"task-{self.sent}", request.prompt, external_task_id, self.now)
        if luck is Luck.ERROR_BEFORE:
            raise KlingOutcomeUnknownError("502")
        self.before_a_submission(new)
        if luck in (Luck.LATE, Luck.VERY_LATE):
            self.on_its_way.append((luck, new))
            raise KlingOutcomeUnknownError("no answer")
        accepted = self.accept(new)
        if luck is Luck.KILLED_AFTER:
            raise Killed
        if luck is Luck.ERROR_AFTER:
            raise KlingOutcomeUnknownError("no answer")
        if not accepted:
            raise KlingDuplicateError("taken")
        return Generation(new.task_id, TEXT2VIDEO, GenerationState.SUBMITTED)

    def find_task(self, external_task_id: str) -> Generation | None:
        luck = self.meet()
        if luck in (Luck.ERROR_BEFORE, Luck.ERROR_AFTER):
            raise KlingServerError("502")
        if luck is Luck.REFUSED:
            raise KlingAuthError("401")
        if luck is Luck.KILLED_AFTER:
            raise Killed
        made = self.by_own_id(external_task_id)
        return None if made is None or luck in (Luck.LATE, Luck.VERY_LATE) else self.as_task(made)

    # The store

    def get(self, key: str) -> Any:
        self._use_store()
        return self.records.get(key)

    def set(self, key: str, value: Any) -> None:
        luck = self._use_store()
        self.records[key] = value
        self._after_store(luck)

    def delete(self, key: str) -> None:
        luck = self._use_store()
        del self.records[key]
        self._after_store(luck)

    def _use_store(self) -> Luck:
        luck = self.meet()
        if luck in (Luck.ERROR_BEFORE, Luck.REFUSED):
            raise StoreError
        return luck

    def _after_store(self, luck: Luck) -> None:
        if luck is Luck.KILLED_AFTER:
            raise Killed
        if luck is Luck.ERROR_AFTER:
            raise StoreError

    # The clock, in place of the module ``time``

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        luck = self.meet()
        self.now += seconds
        self.arrive(Luck.LATE)
        if luck is Luck.KILLED_AFTER:
            raise Killed

    strftime, gmtime = staticmethod(real_time.strftime), staticmethod(real_time.gmtime)

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

    def as_task(self, made: Made) -> Generation:
        ended = None if made.ended is None else datetime.fromtimestamp(made.ended, UTC)
        return Generation(
            made.task_id,
            TEXT2VIDEO,
            made.state,
            videos=(Video("https://cdn/1.mp4"),) if made.state is GenerationState.SUCCEEDED else (),
            created_at=datetime.fromtimestamp(made.created, UTC),
            finished_at=ended,
        )


TROUBLES = st.sampled_from([Luck.KILLED_AFTER, *(luck for luck in Luck if luck is not Luck.FINE)])


def one_trouble(after: int, trouble: Luck) -> list[Luck]:
    return [Luck.FINE] * after + [trouble]


def two_troubles(after: int, first: Luck, then_after: int, second: Luck) -> list[Luck]:
    return one_trouble(after, first) + one_trouble(then_after, second)


# Around the submission, which is the second or third contact, there is the most to go wrong.
LUCKS: st.SearchStrategy[list[Luck]] = st.one_of(
    st.builds(one_trouble, st.sampled_from([2, 3, 1, 0, 4, 5, 6, 20]), TROUBLES),
    st.builds(one_trouble, st.sampled_from([2, 3, 1]), TROUBLES),
    st.builds(two_troubles, st.sampled_from([2, 1, 0]), TROUBLES, st.sampled_from([0, 1, 2]), TROUBLES),
)
PAUSES = st.sampled_from([MINUTE, MINUTE, 2 * HOUR, 2 * HOUR, 31 * DAY])
ENDS = st.sampled_from([GenerationState.SUCCEEDED, GenerationState.SUCCEEDED, GenerationState.FAILED])
THEN = st.sampled_from(["submit only", "wait", "wait", "killed", "interrupted", "lost"])


class Tries(RuleBasedStateMachine):
    """One task instance of Airflow: its tries and what happens between them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = pytest.MonkeyPatch()
        self.log = logging.getLogger("tests.submission_states")
        self.log.disabled = True

    @initialize(
        finds=st.booleans(),
        has_store=st.sampled_from([True, True, False]),
        on_rerun=st.sampled_from(OnRerun),
        on_unknown_outcome=st.sampled_from(OnUnknownOutcome),
    )
    def begin(
        self, finds: bool, has_store: bool, on_rerun: OnRerun, on_unknown_outcome: OnUnknownOutcome
    ) -> None:
        self.world = World(finds)
        self.world.before_a_submission = self.may_submit
        self.patches.setattr(submitting, "time", self.world)
        self.has_store = has_store
        self.on_rerun = on_rerun
        self.on_unknown_outcome = on_unknown_outcome
        self.prompt = "A"
        self.try_number = self.clears = 0
        self.may_retry = True

    def teardown(self) -> None:
        self.patches.undo()

    # What happens

    # One rule, so that none has to wait for another one: after each try comes a retry or a clear.
    @rule(
        passes=PAUSES,
        fails=st.booleans(),
        clears=st.booleans(),
        changes=st.sampled_from([None, None, *PROMPTS]),
        lucks=LUCKS,
        then=THEN,
        state=ENDS,
    )
    def next_try(
        self,
        passes: float,
        fails: bool,
        clears: bool,
        changes: str | None,
        lucks: list[Luck],
        then: str,
        state: GenerationState,
    ) -> None:
        self.time_passes(passes, fails)
        if self.try_number and (clears or not self.may_retry):
            self.clear(changes)
        self.try_(lucks, then, state)

    def clear(self, changes: str | None) -> None:
        """The user clears the task, perhaps with another prompt."""
        self.clears = self.try_number
        for made in self.world.made:
            again = self.on_rerun is OnRerun.REGENERATE and made.delivered
            # Without a store a delivery leaves no trace, and a clear alone is taken for one.
            untraced = self.on_rerun is OnRerun.REGENERATE and not self.has_store
            made.released = made.released or made.told or again or untraced
        self.prompt = changes or self.prompt

    def time_passes(self, seconds: float, fails: bool) -> None:
        if seconds > HOUR:
            for made in self.world.made:
                made.end(
                    GenerationState.FAILED if fails else GenerationState.SUCCEEDED, self.world.now + HOUR
                )
        self.world.now += seconds

    def try_(self, lucks: list[Luck], then: str, state: GenerationState) -> None:
        self.try_number += 1
        self.world.lucks, self.world.contacts = list(lucks), 0
        try:
            self.may_retry = self.run(then, state)
        except (Killed, StoreError):
            self.may_retry = True
        except AirflowFailException:
            self.may_retry = False
        except KlingError as error:
            if isinstance(error, KlingDuplicateError):
                raise AssertionError("it is there, and was not taken over") from error
            self.may_retry = error.retryable
            if isinstance(error, KlingOutcomeUnknownError):
                self.tell(self.prompt)
        self.world.arrive(Luck.LATE, Luck.VERY_LATE)
        if self.recorded_as_told():
            # The worker died between writing this down and saying it: the record is all that is left of it.
            self.tell(self.prompt)

    # A try, as the operator has it

    def run(self, then: str, state: GenerationState) -> bool:
        """Return whether there may be another try without a clear."""
        submission = Submission(
            cast("KlingHook", self.world),
            cast("TaskStateStoreAccessor", self.world) if self.has_store else None,
            PROMPTS[self.prompt],
            self.asked(),
            cast("Logger", self.log),
        )
        generation = submission.settle()
        made = self.check(generation)
        if then == "killed":
            raise Killed
        if then == "interrupted":  # by an error that says nothing of the generation
            return True
        if then == "lost":  # the gateway has forgotten it, or says so
            made.told, made.known = True, False
            submission.failed(lost=True)
            return False
        if then == "wait":
            made.end(state, self.world.now)
            if made.state is GenerationState.FAILED:
                submission.failed(lost=False)
                made.seen_to_fail = True
                return False
        made.delivered = True
        submission.delivered(generation.number)
        return False

    def asked(self) -> Asked:
        return Asked(
            item="dag\nrun\ntask\n-1",
            fingerprint=fingerprint(PROMPTS[self.prompt], "kling_default"),
            clears=self.clears,
            first_since_clear=self.clears > 0 and self.try_number == self.clears + 1,
            on_rerun=self.on_rerun,
            on_unknown_outcome=self.on_unknown_outcome,
        )

    def tell(self, prompt: str) -> None:
        for made in self.world.all_of(prompt):
            made.told = True

    def recorded_as_told(self) -> bool:
        asked = self.asked()
        ours = (
            record for record in self.world.records.values() if record["fingerprint"] == asked.fingerprint
        )
        return any(record["stopped_in"] == asked.clears for record in ours)

    # What has to be true

    def check(self, generation: Settled) -> Made:
        """What a try goes on with is there, is of this very request, and is still worth something."""
        made = self.world.by_task_id(generation.kling_task_id)
        assert made.prompt == self.prompt
        assert not made.seen_to_fail or not self.has_store
        if self.world.finds:
            assert not made.has_no_video(self.world.now)
            assert made.own_id == self.asked().external_task_id(generation.number)
        if generation.since is not None:
            assert generation.since <= self.world.now
        made.known = True
        return made

    def may_submit(self, new: Made) -> None:
        """A submission leaves that will be accepted: may it?"""
        if self.world.finds:
            self.may_submit_to_kling(new)
        elif self.has_store:
            self.may_submit_to_a_relay(new)

    def may_submit_to_kling(self, new: Made) -> None:
        asked = self.asked()
        numbers = {asked.external_task_id(number): number for number in range(1, 40)}
        number = numbers[str(new.own_id)]
        if number == 1 or self.world.by_own_id(str(new.own_id)):
            return  # Kling itself refuses a second one
        before = self.world.by_own_id(asked.external_task_id(number - 1))
        assert before is not None, "a generation was passed over"
        assert before.has_no_video(self.world.now) or before.released, "paid for what there is"

    def may_submit_to_a_relay(self, new: Made) -> None:
        for made in self.earlier(new.prompt):
            if made.has_no_video(self.world.now) or made.released:
                continue
            assert not made.known, "paid for what an earlier try went on with"
            assert self.on_unknown_outcome is OnUnknownOutcome.RESUBMIT, "paid for what may be there"

    def earlier(self, prompt: str) -> Sequence[Made]:
        return self.world.all_of(prompt)


def test_no_order_of_crashes_retries_and_clears_pays_twice() -> None:
    run_state_machine_as_test(
        Tries,
        settings=settings(
            max_examples=800, stateful_step_count=12, derandomize=True, deadline=None, database=None
        ),
    )
