"""The operator that submits a generation, and waits for it and lands its video if asked to."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, BaseOperator, conf

from airflow_provider_kling.api.errors import (
    KlingRequestError,
    KlingTaskFailedError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingTimeoutError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, GenerationState
from airflow_provider_kling.api.reading.answers import failure_of
from airflow_provider_kling.api.requests import DEFAULT_MODEL, Text2VideoRequest
from airflow_provider_kling.failures import goes_on, naming, permanent_errors_fail_at_once
from airflow_provider_kling.generations.submissions import (
    Asked,
    OnRerun,
    OnUnknownOutcome,
    choice_of,
    fingerprint,
)
from airflow_provider_kling.generations.submitting import Submission
from airflow_provider_kling.hooks.kling import (
    DEFAULT_POLL_INTERVAL,
    DEFAULT_SUBMIT_TIMEOUT,
    DEFAULT_TIMEOUT,
    KlingHook,
)
from airflow_provider_kling.hooks.lineage import land_with_lineage
from airflow_provider_kling.landing.land import target_at, try_target
from airflow_provider_kling.triggers.events import read_event
from airflow_provider_kling.triggers.room import KlingRoomTrigger
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from airflow_provider_kling.waiting.deadlines import backstop, execution_deadline
from airflow_provider_kling.waiting.room import WaitForRoom
from airflow_provider_kling.waiting.wait import wait_for_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from airflow_provider_kling.api.generation import Generation
    from airflow_provider_kling.generations.submitting import Settled

TASK_ID_XCOM_KEY = "kling_task_id"


class KlingText2VideoOperator(BaseOperator):
    """
    Submit a text-to-video generation; with ``wait_for_completion`` wait for it, with ``path`` land it too.

    A generation costs money and cannot be cancelled. The operator checks every value before it sends
    anything, and a retry, a crash, a lost answer or a clear never submits what is there already
    (docs/guarantees.md). At Kling's own API it finds it by an id of its own; at the relays it finds it in
    Airflow's task state (3.3 and newer), and stops where that cannot tell. The id is pushed at once as the
    XCom ``kling_task_id``. When the account has no room for another one, it waits for room, in the triggerer
    if ``deferrable``, without using up a retry.

    Returns the task id; when it waited, the finished task as a dict; when it landed the video, what landed,
    as :class:`~airflow_provider_kling.transfers.kling_to_object_storage.KlingToObjectStorageOperator` does.

    The fields of the request, all templated, are those of
    :class:`~airflow_provider_kling.api.requests.Text2VideoRequest`.

    :param wait_for_completion: Wait until the generation has ended.
    :param path: Land the video there; implies waiting. (templated)
    :param deferrable: Wait in the triggerer, which holds no worker.
    :param poll_interval: The longest pause before a question, in seconds. None leaves it to the pacing: no
        question before such a video can be done, then the more the nearer its usual end; a worker that
        waits by itself asks every 10 seconds.
    :param submit_timeout: Seconds to wait for room at the account, in each try.
    :param timeout: Seconds to wait, counted from the submission over all retries; a clear counts anew.
    :param idempotency_key: What names the item that is generated, such as ``{{ row.sku }}``; without it the
        map index does, which another order of an expanded list gives to another item. (templated)
    :param on_rerun: ``reuse`` takes over the generation of the same request whenever the task is cleared;
        ``regenerate`` makes a new one when the task had succeeded.
    :param on_unknown_outcome: ``stop`` fails the task when it cannot be known whether an earlier try made a
        generation, ``resubmit`` risks to pay again. None leaves it to the connection, which stops if it says
        nothing.
    :param kling_conn_id: The Airflow connection. (templated)
    """

    request_fields: Sequence[str] = tuple(Text2VideoRequest.model_fields)
    template_fields: Sequence[str] = (*request_fields, "path", "idempotency_key", "kling_conn_id")
    ui_color = "#e8e3ff"
    _kling_task_id: str | None = None

    def __init__(
        self,
        *,
        prompt: str,
        model: str = DEFAULT_MODEL,
        negative_prompt: str | None = None,
        duration: float | str = 5,
        aspect_ratio: str | None = None,
        mode: str | None = None,
        cfg_scale: float | str | None = None,
        image: str | None = None,
        image_tail: str | None = None,
        width: int | str | None = None,
        height: int | str | None = None,
        fps: int | str | None = None,
        seed: int | str | None = None,
        n: int | str | None = None,
        response_format: str | None = None,
        user: str | None = None,
        metadata: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        strict: bool | str = False,
        wait_for_completion: bool = False,
        path: str | ObjectStoragePath | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        submit_timeout: float = DEFAULT_SUBMIT_TIMEOUT,
        timeout: float = DEFAULT_TIMEOUT,
        idempotency_key: str | None = None,
        on_rerun: str = OnRerun.REUSE,
        on_unknown_outcome: str | None = None,
        kling_conn_id: str = KlingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pauses: dict[str, object] = {
            "poll_interval": DEFAULT_POLL_INTERVAL if poll_interval is None else poll_interval,
            "submit_timeout": submit_timeout,
            "timeout": timeout,
        }
        for name, seconds in pauses.items():
            if not isinstance(seconds, int | float) or seconds <= 0:
                raise ValueError(f"{name}={seconds!r} must be a positive number of seconds")
        self.prompt = prompt
        self.model = model
        self.negative_prompt = negative_prompt
        self.duration = duration
        self.aspect_ratio = aspect_ratio
        self.mode = mode
        self.cfg_scale = cfg_scale
        self.image = image
        self.image_tail = image_tail
        self.width = width
        self.height = height
        self.fps = fps
        self.seed = seed
        self.n = n
        self.response_format = response_format
        self.user = user
        self.metadata = metadata
        self.extra = extra
        self.strict = strict
        self.wait_for_completion = wait_for_completion
        self.path = path
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.submit_timeout = submit_timeout
        self.timeout = timeout
        self.idempotency_key = idempotency_key
        self.on_rerun = choice_of(OnRerun, "on_rerun", on_rerun)
        self.on_unknown_outcome = (
            choice_of(OnUnknownOutcome, "on_unknown_outcome", on_unknown_outcome)
            if on_unknown_outcome
            else None
        )
        self.kling_conn_id = kling_conn_id

    @cached_property
    def hook(self) -> KlingHook:
        """The hook of this operator's connection."""
        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> Any:
        """Submit, or adopt what an earlier try submitted; then wait and land, as far as asked."""
        return self._generate(context)

    def execute_with_room(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Do the same once there may be room at the account."""
        return self._generate(context, WaitForRoom.from_event(event))

    def _generate(self, context: Context, waited: WaitForRoom | None = None) -> Any:
        with permanent_errors_fail_at_once():
            submission = self._submission(context, self.on_unknown_outcome or self.hook.on_unknown_outcome)
            if self.path is not None:
                try_target(target_at(self.path))
            json.dumps(self._trigger("not-yet", 0.0).serialize())  # what cannot be deferred is not paid for
            generation = self._settled(context, submission, waited)
        self._kling_task_id = generation.kling_task_id
        with naming(generation.kling_task_id):
            context["ti"].xcom_push(key=TASK_ID_XCOM_KEY, value=generation.kling_task_id)
            if not self.wait_for_completion and self.path is None:
                submission.delivered(generation.number)
                return generation.kling_task_id
            deadline = self._deadline(context, generation)
            if self.deferrable:
                self.defer(
                    trigger=self._trigger(generation.kling_task_id, deadline, generation.since),
                    method_name="execute_complete",
                    timeout=backstop(deadline, time.time()),
                )
            return self._finish(
                context,
                submission,
                lambda: wait_for_task(
                    self.hook.get_conn(),
                    generation.kling_task_id,
                    TEXT2VIDEO,
                    poll_interval=self.poll_interval or DEFAULT_POLL_INTERVAL,
                    deadline=deadline,
                ),
            )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger fired."""
        self._kling_task_id = (event or {}).get("kling_task_id")
        with naming(self._kling_task_id):
            return self._finish(context, self._submission(context), lambda: read_event(event))

    def on_kill(self) -> None:
        """Say that killing this task stops nothing at the gateway: Kling has no cancel."""
        if self._kling_task_id:
            self.log.warning(goes_on(self._kling_task_id))

    def _submission(
        self, context: Context, on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.STOP
    ) -> Submission:
        request = Text2VideoRequest.checked({name: getattr(self, name) for name in self.request_fields})
        ti = context["ti"]
        item = str(ti.map_index)
        if self.idempotency_key is not None:
            item = f"key {str(self.idempotency_key).strip()}"
            if item == "key ":
                raise KlingRequestError(
                    "idempotency_key is empty; give what names the item, or leave it out."
                )
        # As Airflow itself tells the first try since a clear (RuntimeTaskInstance.get_first_reschedule_date).
        clears = max((ti.max_tries or 0) - (self.retries or 0), 0)
        asked = Asked(
            item=f"{ti.dag_id}\n{ti.run_id}\n{ti.task_id}\n{item}",
            fingerprint=fingerprint(request, self.kling_conn_id),
            clears=clears,
            first_since_clear=clears > 0 and ti.try_number == clears + 1,
            on_rerun=self.on_rerun,
            on_unknown_outcome=on_unknown_outcome,
        )
        # Airflow has a task state store since 3.3.
        return Submission(self.hook, context.get("task_state_store"), request, asked, self.log)

    def _settled(self, context: Context, submission: Submission, waited: WaitForRoom | None) -> Settled:
        """Return the generation to go on with, waiting for room at the account if there is none."""
        while True:
            try:
                return submission.settle()
            except KlingThrottledError as error:
                waited = self._refused(context, WaitForRoom.after_refusal(waited, time.time()), error)
            if self.deferrable:
                self.defer(
                    trigger=KlingRoomTrigger(self.kling_conn_id, waited.since, waited.tries, waited.deadline),
                    method_name="execute_with_room",
                    timeout=backstop(waited.deadline, time.time()),
                )
            time.sleep(min(waited.pause(self.hook.pacing.room), max(waited.deadline - time.time(), 0.0)))

    def _refused(self, context: Context, waited: WaitForRoom, error: KlingThrottledError) -> WaitForRoom:
        end = waited.since + self.submit_timeout
        deadline = min(end, waited.deadline, self._execution_deadline(context))
        if time.time() < deadline:
            self.log.info("Waiting for room at the account: %s", error)
            return replace(waited, deadline=deadline)
        over = waited.over(error, time.time())
        if deadline < end:
            raise AirflowTaskTimeout(str(over)) from error
        raise over from error

    def _trigger(
        self, kling_task_id: str, deadline: float, submitted_at: float | None = None
    ) -> KlingTaskTrigger:
        return KlingTaskTrigger(
            kling_task_id=kling_task_id,
            product=TEXT2VIDEO,
            kling_conn_id=self.kling_conn_id,
            poll_interval=self.poll_interval,
            deadline=deadline,
            mode=self.mode,
            submitted_at=submitted_at,
        )

    def _deadline(self, context: Context, generation: Settled) -> float:
        """Return when to stop waiting, counted from the submission."""
        now = time.time()
        since = min(generation.since or now, now)  # the gateway's clock may be ahead of ours
        return min(since + self.timeout, self._execution_deadline(context))

    def _execution_deadline(self, context: Context) -> float:
        return execution_deadline(context["ti"].start_date, self.execution_timeout)

    def _finish(
        self, context: Context, submission: Submission, wait: Callable[[], Generation]
    ) -> dict[str, Any]:
        with permanent_errors_fail_at_once():
            try:
                task = wait()
                if task.state is GenerationState.FAILED:
                    raise failure_of(task)
                result = task.as_dict()
                if self.path is not None:
                    result = land_with_lineage(self.hook, task.task_id, task.product, target_at(self.path))
                submission.delivered(submission.asked.generation_of(task.external_task_id))
                return result
            except (KlingTaskFailedError, KlingTaskNotFoundError) as error:
                submission.failed(lost=isinstance(error, KlingTaskNotFoundError))
                raise
            except Exception as error:
                if isinstance(error, KlingTimeoutError) and time.time() >= self._execution_deadline(context):
                    raise AirflowTaskTimeout(str(error)) from error
                if not submission.is_remembered:
                    # The next try could not know of the generation, and would pay for another one.
                    raise AirflowFailException(f"{error} Not retried, so as not to pay again.") from error
                raise
