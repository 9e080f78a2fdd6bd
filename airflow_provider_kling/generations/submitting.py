"""One try's way to a generation: the steps that ``submissions`` decides on, taken."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.errors import (
    KlingDuplicateError,
    KlingError,
    KlingOutcomeUnknownError,
    KlingUnsettledError,
)
from airflow_provider_kling.api.gateways import Ability
from airflow_provider_kling.generations.submissions import (
    Adopt,
    Look,
    Looked,
    OnUnknownOutcome,
    Record,
    Stop,
    Submit,
    Wait,
    read_record,
    step_by_record,
    step_by_search,
)

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor
    from airflow.sdk.types import Logger

    from airflow_provider_kling.api.generation import Generation
    from airflow_provider_kling.api.requests import Text2VideoRequest
    from airflow_provider_kling.generations.submissions import Asked
    from airflow_provider_kling.hooks.kling import KlingHook

# How often a try sends a submission whose outcome stays in doubt, before it leaves it to the next try.
MOST_SENDS = 3
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Settled:
    """
    The generation that a try goes on with.

    :param since: When it was submitted, in seconds since the epoch, where that is known.
    """

    kling_task_id: str
    number: int
    since: float | None


class Submission:
    """
    Submits a generation, or takes over the one that an earlier try submitted.

    :param store: Airflow's task state store, where there is one (Airflow 3.3 and newer).
    :param log: The task's.
    """

    def __init__(
        self,
        hook: KlingHook,
        store: TaskStateStoreAccessor | None,
        request: Text2VideoRequest,
        asked: Asked,
        log: Logger,
    ) -> None:
        self._hook = hook
        self._store = store
        self._request = request
        self.asked = replace(asked, kept=store is not None)
        self._log = log

    def settle(self) -> Settled:
        """
        Return the generation to go on with.

        :raises KlingOutcomeUnknownError: whether there is one cannot be known, nor risked.
        :raises KlingUnsettledError: the same, and the next try may find out or submit again.
        :raises KlingError: the gateway refused, or could not be asked; nothing was made.
        """
        client = self._hook.get_conn()
        if client.endpoint.can(client.gateway(), Ability.FIND):
            return self._by_search()
        if self._store is None:
            return self._without_memory()
        return self._by_record(self._store)

    @property
    def is_remembered(self) -> bool:
        """Whether the next try will know of the generation."""
        with suppress(KlingError):
            client = self._hook.get_conn()
            return self._store is not None or client.endpoint.can(client.gateway(), Ability.FIND)
        return False

    def delivered(self, generation: int | None) -> None:
        """
        Keep that this task has succeeded, so that a clear after that can be told from a crash.

        :param generation: With which; None means with the one on record.
        """
        if self._store is None:
            return
        record = self._record() or Record(self.asked.fingerprint)
        number = generation or record.generation
        self._save(replace(record, generation=number, delivered_in=self.asked.clears))

    def failed(self, *, lost: bool) -> None:
        """
        Keep that the recorded generation will never have a video, so that the next try makes another one.

        :param lost: Whether the gateway does not know it any more. Then it may still be there, so that only
            a clear makes another one.
        """
        record = self._record()
        if record is not None:
            lost_in = replace(record, kling_task_id=None, stopped_in=self.asked.clears)
            self._save(lost_in if lost else replace(record, failed=True))

    # On a gateway that finds generations by our own id

    def _by_search(self) -> Settled:
        looked, sends, doubts = None, 0, 0
        record = self._record()
        while True:
            step = step_by_search(looked, record, self.asked, time.time())
            if isinstance(step, Adopt):
                return self._adopted(step)
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                step = Look(looked.generation, looked.good) if looked else Look(1)
            elif isinstance(step, Submit):
                if sends == MOST_SENDS:
                    raise KlingUnsettledError(
                        f"The submission was sent {sends} times, and none of them was heard of."
                    )
                sends += 1
                try:
                    sent = self._send(step.generation, self.asked.external_task_id(step.generation))
                    self._waits_from(record, sent)
                    return sent
                except (KlingOutcomeUnknownError, KlingDuplicateError) as error:
                    self._log.warning("Looking whether the submission was accepted: %s", error)
                    doubts = 0
                    step = Look(step.generation, looked.good if looked else None)
            doubts += bool(sends)
            looked = Looked(step.generation, self._find(step.generation, bool(sends)), step.good, doubts)

    def _find(self, generation: int, in_doubt: bool) -> Generation | None:
        try:
            return self._hook.find_task(self.asked.external_task_id(generation))
        except KlingError as error:
            if not in_doubt:
                raise
            kind = KlingUnsettledError if error.retryable else KlingOutcomeUnknownError
            raise kind(f"Cannot look for what was submitted: {error.message} {error.remedy}") from error

    # On a gateway that does not

    def _by_record(self, store: TaskStateStoreAccessor) -> Settled:
        before = store.get(self.asked.record_key)
        step = step_by_record(read_record(before), self.asked, time.time())
        if isinstance(step, Adopt):
            return self._adopted(step)
        if isinstance(step, Stop):
            self._save(replace(step.record, stopped_in=self.asked.clears))
            raise self._unknown(step.record.sent_at)
        now = time.time()
        record = Record(
            self.asked.fingerprint,
            step.generation,
            sent_at=now,
            waited_in=self.asked.clears,
            waits_since=now,
        )
        self._save(record)
        try:
            generation = self._send(step.generation)
        except KlingOutcomeUnknownError as error:
            self._save(replace(record, stopped_in=self.asked.clears))
            raise self._or_unsettled(error) from error
        except KlingError:  # which says that nothing was made
            if before is None:
                store.delete(self.asked.record_key)
            else:
                store.set(self.asked.record_key, before)
            raise
        self._keep(replace(record, kling_task_id=generation.kling_task_id))
        return generation

    def _without_memory(self) -> Settled:
        self._log.warning(
            "This Airflow keeps no task state, and the gateway finds no generation by an id of ours: should "
            "this worker die, the next try will pay again (docs/guarantees.md)"
        )
        try:
            return self._send(1)
        except KlingOutcomeUnknownError as error:
            raise self._or_unsettled(error) from error

    # Both

    def _send(self, generation: int, external_task_id: str | None = None) -> Settled:
        since = time.time()
        # Whether and where to wait for room at the account is the operator's to say.
        task = self._hook.submit(self._request, external_task_id=external_task_id, retry_throttled=False)
        self._log.info("Submitted Kling task %s", task.task_id)
        return Settled(task.task_id, generation, since)

    def _adopted(self, step: Adopt) -> Settled:
        self._log.info("Adopting Kling task %s, which an earlier try submitted", step.kling_task_id)
        return Settled(step.kling_task_id, step.generation, self._waits_since(step))

    def _waits_since(self, step: Adopt) -> float | None:
        """Return from when on the waiting counts: from the submission, but anew after a clear."""
        if not self.asked.clears:
            return step.since
        record = self._record()
        if record is not None and record.waited_in == self.asked.clears:
            return record.waits_since
        if self._store is None and not self.asked.first_since_clear:
            return step.since  # from the clear on, if it were known
        now = time.time()
        self._waits_from(record, Settled(step.kling_task_id, step.generation, now))
        return now

    def _waits_from(self, record: Record | None, generation: Settled) -> None:
        """Keep since when a cleared task waits, for the retries that may follow."""
        if self._store is not None and self.asked.clears:
            record = record or Record(self.asked.fingerprint, generation.number)
            self._save(replace(record, waited_in=self.asked.clears, waits_since=generation.since))

    def _keep(self, record: Record) -> None:
        try:
            self._save(record)
        except Exception as error:
            # The next try would find an intent without an id, and stop; this one still knows the id.
            raise AirflowFailException(
                f"Kling task {record.kling_task_id} was submitted, goes on and is billed, and could not be "
                f"recorded ({type(error).__name__}: {error}). Wait for it with a KlingTaskSensor."
            ) from error

    def _record(self) -> Record | None:
        return read_record(self._store.get(self.asked.record_key)) if self._store is not None else None

    def _save(self, record: Record) -> None:
        assert self._store is not None
        self._store.set(self.asked.record_key, record.as_json())

    def _unknown(self, sent_at: float) -> KlingError:
        return KlingOutcomeUnknownError(
            f"An earlier try died while it was submitting {self._what(sent_at)}, and the gateway cannot be "
            "asked whether it made a generation."
        )

    def _or_unsettled(self, error: KlingOutcomeUnknownError) -> KlingError:
        stops = self.asked.on_unknown_outcome is OnUnknownOutcome.STOP
        kind = KlingOutcomeUnknownError if stops else KlingUnsettledError
        return kind(
            f"{error.message} It was submitting {self._what(time.time())}.",
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
            gateway=error.gateway,
        )

    def _what(self, sent_at: float) -> str:
        sent = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(sent_at)) if sent_at else "an unknown time"
        prompt = self._request.prompt
        shown = prompt if len(prompt) <= _SHOWN_CHARACTERS else f"{prompt[:_SHOWN_CHARACTERS]}..."
        return f"{shown!r} at {sent}"
