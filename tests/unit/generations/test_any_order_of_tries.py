"""
Any order of tries, crashes, clears, changed requests and late answers: never paid twice.

The way is the real one, walked by either driver; around it are the models of ``world``, and Airflow's
numbering of tries.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from airflow_provider_kling.api.errors import KlingDuplicateError, KlingError, KlingOutcomeUnknownError
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.generations.identity import OnRerun, OnUnknownOutcome, Order
from airflow_provider_kling.generations.record import Settled
from airflow_provider_kling.generations.stores import keep_delivered, keep_failed
from tests.unit.generations.world import DAY, HOUR, MINUTE, Killed, Luck, Made, StoreError, World

PROMPTS = {prompt: Text2VideoRequest.checked({"prompt": prompt}) for prompt in "ABCDEFGH"}

TROUBLES = st.sampled_from([Luck.KILLED_AFTER, *(luck for luck in Luck if luck is not Luck.FINE)])


def trouble(*after: int) -> st.SearchStrategy[list[Luck]]:
    """One trouble, after any of so many contacts."""
    return st.builds(lambda fine, luck: [Luck.FINE] * fine + [luck], st.sampled_from(after), TROUBLES)


# Around the submission, which is the second or third contact, there is the most to go wrong.
LUCKS: st.SearchStrategy[list[Luck]] = st.one_of(
    trouble(2, 3, 1, 0, 4, 5, 6, 20),
    trouble(2, 3, 1),
    st.builds(list.__add__, trouble(2, 1, 0), trouble(0, 1, 2)),
)
PAUSES = st.sampled_from([MINUTE, MINUTE, 2 * HOUR, 2 * HOUR, 31 * DAY])
ENDS = st.sampled_from([GenerationState.SUCCEEDED, GenerationState.SUCCEEDED, GenerationState.FAILED])
THEN = st.sampled_from(["submit only", "wait", "wait", "killed", "interrupted", "lost"])


class Tries(RuleBasedStateMachine):
    """One task instance of Airflow: its tries and what happens between them."""

    @initialize(
        finds=st.booleans(),
        has_store=st.sampled_from([True, True, False]),
        on_rerun=st.sampled_from(OnRerun),
        on_unknown_outcome=st.sampled_from(OnUnknownOutcome),
    )
    def begin(
        self, finds: bool, has_store: bool, on_rerun: OnRerun, on_unknown_outcome: OnUnknownOutcome
    ) -> None:
        self.world = World(finds, has_store, before_a_submission=self.may_submit)
        self.has_store = has_store
        self.on_rerun = on_rerun
        self.on_unknown_outcome = on_unknown_outcome
        self.prompt = "A"
        self.try_number = self.clears = 0
        self.may_retry = True

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
        on_a_loop=st.booleans(),
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
        on_a_loop: bool,
    ) -> None:
        self.time_passes(passes, fails)
        if self.try_number and (clears or not self.may_retry):
            self.clear(changes)
        self.try_(lucks, then, state, on_a_loop)

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

    def try_(self, lucks: list[Luck], then: str, state: GenerationState, on_a_loop: bool) -> None:
        self.try_number += 1
        self.world.lucks, self.world.contacts = list(lucks), 0
        try:
            self.may_retry = self.run(then, state, on_a_loop)
        except (Killed, StoreError):
            self.may_retry = True
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

    def run(self, then: str, state: GenerationState, on_a_loop: bool) -> bool:
        """Return whether there may be another try without a clear."""
        settled = self.world.settle(self.order(), on_a_loop=on_a_loop)
        made = self.check(settled)
        if then == "killed":
            raise Killed
        if then == "interrupted":  # by an error that says nothing of the generation
            return True
        if then == "lost":  # the gateway has forgotten it, or says so
            made.told, made.known = True, False
            keep_failed(self.world, settled, lost=True)
            return False
        if then == "wait":
            made.end(state, self.world.now)
            if made.state is GenerationState.FAILED:
                keep_failed(self.world, settled, lost=False)
                made.seen_to_fail = True
                return False
        made.delivered = True
        keep_delivered(self.world, settled)
        return False

    def order(self) -> Order:
        return Order(
            PROMPTS[self.prompt],
            "kling_default",
            item="dag\nrun\ntask\n-1",
            clears=self.clears,
            first_since_clear=self.clears > 0 and self.try_number == self.clears + 1,
            on_rerun=self.on_rerun,
            on_unknown_outcome=self.on_unknown_outcome,
        )

    def tell(self, prompt: str) -> None:
        for made in self.world.all_of(prompt):
            made.told = True

    def recorded_as_told(self) -> bool:
        record = self.world.records.get(self.order().record_key)
        return record is not None and record["stopped_in"] == self.clears

    # What has to be true

    def check(self, settled: Settled) -> Made:
        """What a try goes on with is there, is of this very request, and is still worth something."""
        made = self.world.by_task_id(settled.kling_task_id)
        assert made.prompt == self.prompt
        assert not made.seen_to_fail or not self.has_store
        if self.world.finds:
            assert not made.has_no_video(self.world.now)
            assert made.own_id == self.order().external_task_id(settled.take)
        if settled.since is not None:
            assert settled.since <= self.world.now
        made.known = True
        return made

    def may_submit(self, new: Made) -> None:
        """A submission leaves that will be accepted: may it?"""
        if self.world.finds:
            self.may_submit_to_kling(new)
        elif self.has_store:
            self.may_submit_to_a_relay(new)

    def may_submit_to_kling(self, new: Made) -> None:
        order = self.order()
        numbers = {order.external_task_id(number): number for number in range(1, 40)}
        number = numbers[str(new.own_id)]
        if number == 1 or self.world.by_own_id(str(new.own_id)):
            return  # Kling itself refuses a second one
        before = self.world.by_own_id(order.external_task_id(number - 1))
        assert before is not None, "a generation was passed over"
        assert before.has_no_video(self.world.now) or before.released, "paid for what there is"

    def may_submit_to_a_relay(self, new: Made) -> None:
        for made in self.world.all_of(new.prompt):
            if made.has_no_video(self.world.now) or made.released:
                continue
            assert not made.known, "paid for what an earlier try went on with"
            assert self.on_unknown_outcome is OnUnknownOutcome.RESUBMIT, "paid for what may be there"


def test_no_order_of_crashes_retries_and_clears_pays_twice() -> None:
    run_state_machine_as_test(
        Tries,
        settings=settings(
            max_examples=800, stateful_step_count=12, derandomize=True, deadline=None, database=None
        ),
    )
