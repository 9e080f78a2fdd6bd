"""The operator that submits a generation, and waits for it and lands its video if asked to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, BaseOperator, conf

from airflow_provider_kling.api.errors import (
    KlingError,
    KlingRequestError,
    KlingTaskFailedError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingTimeoutError,
)
from airflow_provider_kling.api.gateways import Ability
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState
from airflow_provider_kling.api.reading.answers import failure_of
from airflow_provider_kling.api.requests import DEFAULT_MODEL, Text2VideoRequest
from airflow_provider_kling.failures import (
    goes_on,
    naming,
    nothing_is_paid_again,
    permanent_errors_fail_at_once,
)
from airflow_provider_kling.generations.identity import OnRerun, OnUnknownOutcome, Order, choice_of
from airflow_provider_kling.generations.pay_once import in_worker, pay_once
from airflow_provider_kling.generations.record import Settled, read_settled
from airflow_provider_kling.generations.stores import TaskState, keep_delivered, keep_failed
from airflow_provider_kling.hooks.kling import (
    DEFAULT_POLL_INTERVAL,
    DEFAULT_SUBMIT_TIMEOUT,
    DEFAULT_TIMEOUT,
    KlingHook,
)
from airflow_provider_kling.hooks.lineage import land_with_lineage
from airflow_provider_kling.landing.land import target_at, try_target
from airflow_provider_kling.triggers.events import read_event, unreadable
from airflow_provider_kling.triggers.room import KlingRoomTrigger
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from airflow_provider_kling.waiting.room import WaitForRoom
from airflow_provider_kling.waiting.wait import backstop, execution_deadline, wait_for_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

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
    as :class:`~airflow_provider_kling.transfers.kling_to_object_storage.KlingToObjectStorageOperator` does,
    beside what the gateway told of the task: its times and units among it.

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
        pauses: dict[str, object] = {"submit_timeout": submit_timeout, "timeout": timeout}
        if poll_interval is not None:
            pauses["poll_interval"] = poll_interval
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
        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> Any:
        """Submit, or adopt what an earlier try submitted; then wait and land, as far as asked."""
        return self._generate(context)

    def execute_with_room(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Do the same once there may be room at the account."""
        return self._generate(context, WaitForRoom.from_event(event))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger fired, with what was ordered, whatever the DAG says by now."""
        self._kling_task_id = (event or {}).get("kling_task_id")
        with naming(self._kling_task_id), self._paid(context):
            settled = self._as_ordered(event)
            return self._finish(context, settled, lambda: read_event(event))

    def on_kill(self) -> None:
        """Say that killing this task stops nothing at the gateway: Kling has no cancel."""
        if self._kling_task_id:
            self.log.warning(goes_on(self._kling_task_id))

    def _generate(self, context: Context, waited: WaitForRoom | None = None) -> Any:
        with permanent_errors_fail_at_once():
            order = self._order(context)
            if self.path is not None:
                try_target(target_at(self.path))
            if self.deferrable:  # what cannot be deferred is not paid for
                not_yet = Settled("not-yet", 1, None, order.record_key, order.clears)
                json.dumps(self._trigger(not_yet, 0.0).serialize())
            store = TaskState(context.get("task_state_store"))
            settled = self._settle(context, order, store, waited)
        self._kling_task_id = settled.kling_task_id
        with naming(settled.kling_task_id):
            context["ti"].xcom_push(key=TASK_ID_XCOM_KEY, value=settled.kling_task_id)
            if not self.wait_for_completion and self.path is None:
                keep_delivered(store, settled)
                return settled.kling_task_id
            deadline = self._deadline(context, settled)
            if self.deferrable:
                self.defer(
                    trigger=self._trigger(settled, deadline),
                    method_name="execute_complete",
                    timeout=backstop(deadline, time.time()),
                )
            with self._paid(context):
                return self._finish(
                    context,
                    settled,
                    lambda: wait_for_task(
                        self.hook.get_conn(),
                        settled.kling_task_id,
                        TEXT2VIDEO,
                        poll_interval=self.poll_interval or DEFAULT_POLL_INTERVAL,
                        deadline=deadline,
                    ),
                )

    def _order(self, context: Context) -> Order:
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
        return Order(
            request=request,
            kling_conn_id=self.kling_conn_id,
            item=f"{ti.dag_id}\n{ti.run_id}\n{ti.task_id}\n{item}",
            clears=clears,
            first_since_clear=clears > 0 and ti.try_number == clears + 1,
            on_rerun=self.on_rerun,
            on_unknown_outcome=self.on_unknown_outcome or self.hook.on_unknown_outcome,
        )

    def _settle(
        self, context: Context, order: Order, store: TaskState, waited: WaitForRoom | None
    ) -> Settled:
        """Return the generation to go on with, waiting for room at the account if there is none."""
        while True:
            try:
                client = self.hook.get_conn()
                return in_worker(pay_once(order, client.gateway(), lasts=store.lasts), client, store)
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

    def _trigger(self, settled: Settled, deadline: float) -> KlingTaskTrigger:
        path = None if self.path is None else str(self.path)
        return KlingTaskTrigger(
            kling_task_id=settled.kling_task_id,
            product=TEXT2VIDEO,
            kling_conn_id=self.kling_conn_id,
            poll_interval=self.poll_interval,
            deadline=deadline,
            mode=self.mode,
            submitted_at=settled.since,
            order={**asdict(settled), "kling_conn_id": self.kling_conn_id, "path": path},
        )

    def _as_ordered(self, event: Mapping[str, Any] | None) -> Settled:
        """Go on from and to where it was ordered, and return what was settled then."""
        try:
            order = (event or {})["order"]
            settled = read_settled(order)
            kling_conn_id, path = order["kling_conn_id"], order["path"]
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(event) from error
        self.kling_conn_id = kling_conn_id
        if str(self.path) != path:  # a path that is an object may have options of its storage
            self.path = path
        return settled

    def _deadline(self, context: Context, settled: Settled) -> float:
        now = time.time()
        since = min(settled.since or now, now)  # the gateway's clock may be ahead of ours
        return min(since + self.timeout, self._execution_deadline(context))

    def _execution_deadline(self, context: Context) -> float:
        return execution_deadline(context["ti"].start_date, self.execution_timeout)

    @contextmanager
    def _paid(self, context: Context) -> Iterator[None]:
        """Let Airflow retry what may be retried now that there is a generation."""
        with permanent_errors_fail_at_once(), nothing_is_paid_again(lambda: self._is_remembered(context)):
            try:
                yield
            except KlingTimeoutError as error:
                if time.time() >= self._execution_deadline(context):
                    raise AirflowTaskTimeout(str(error)) from error
                raise

    def _is_remembered(self, context: Context) -> bool:
        """Return whether the next try will know of the generation."""
        with suppress(KlingError):
            lasts = TaskState(context.get("task_state_store")).lasts
            return lasts or Ability.FIND in self.hook.get_conn().gateway().abilities
        return False

    def _finish(self, context: Context, settled: Settled, wait: Callable[[], Generation]) -> dict[str, Any]:
        store = TaskState(context.get("task_state_store"))
        try:
            task = wait()
            if task.state is GenerationState.FAILED:
                raise failure_of(task)
            result = task.as_dict()
            if self.path is not None:
                del result["state"]  # who lists what landed has a word of their own for that
                result |= land_with_lineage(self.hook, task.task_id, task.product, target_at(self.path))
            keep_delivered(store, settled)
            return result
        except (KlingTaskFailedError, KlingTaskNotFoundError) as error:
            keep_failed(store, settled, lost=isinstance(error, KlingTaskNotFoundError))
            raise
