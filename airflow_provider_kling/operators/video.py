"""The operator that submits a generation, and waits for it and lands its video if asked to."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_kling.api.answers import failure_of
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingTaskFailedError,
    KlingTaskNotFoundError,
)
from airflow_provider_kling.api.requests import DEFAULT_MODEL, Text2VideoRequest
from airflow_provider_kling.api.tasks import TEXT2VIDEO, TaskState
from airflow_provider_kling.exceptions import permanent_errors_fail_at_once
from airflow_provider_kling.hooks.kling import DEFAULT_POLL_INTERVAL, DEFAULT_TIMEOUT, KlingHook
from airflow_provider_kling.submissions import RECORD_KEY, Submission, adoptable, fingerprint, was_interrupted
from airflow_provider_kling.transfers.landing import land, target_at, try_target
from airflow_provider_kling.triggers.events import read_event
from airflow_provider_kling.triggers.task import KlingTaskTrigger, backstop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    from airflow_provider_kling.api.tasks import VideoTask

TASK_ID_XCOM_KEY = "kling_task_id"


class KlingText2VideoOperator(BaseOperator):
    """
    Submit a text-to-video generation; with ``wait_for_completion`` wait for it, with ``path`` land it too.

    A generation costs money and cannot be cancelled. The operator checks every value before it sends
    anything, and sends again only what certainly did not happen. Its id is pushed at once as the XCom
    ``kling_task_id``. Where Airflow keeps task state (3.3 and newer), a retry of the same request adopts
    the generation that an earlier try submitted, and stops where that try died before it heard of one;
    elsewhere an error after the submission fails the task without retrying it.

    Returns the task id; when it waited, the finished task as a dict; when it landed the video, what landed,
    as :class:`~airflow_provider_kling.transfers.object_storage.KlingToObjectStorageOperator` does.

    The fields of the request, all templated, are those of
    :class:`~airflow_provider_kling.api.requests.Text2VideoRequest`.

    :param wait_for_completion: Wait until the generation has ended.
    :param path: Land the video there; implies waiting. (templated)
    :param deferrable: Wait in the triggerer, which holds no worker.
    :param poll_interval: Seconds from one question to the next.
    :param timeout: Seconds to wait, counted from the submission.
    :param kling_conn_id: The Airflow connection. (templated)
    """

    request_fields: Sequence[str] = tuple(Text2VideoRequest.model_fields)
    template_fields: Sequence[str] = (*request_fields, "path", "kling_conn_id")
    ui_color = "#e8e3ff"

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
        wait_for_completion: bool = False,
        path: str | ObjectStoragePath | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: float = DEFAULT_TIMEOUT,
        kling_conn_id: str = KlingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pauses: dict[str, object] = {"poll_interval": poll_interval, "timeout": timeout}
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
        self.wait_for_completion = wait_for_completion
        self.path = path
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.kling_conn_id = kling_conn_id

    @cached_property
    def hook(self) -> KlingHook:
        """The hook of this operator's connection."""
        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> Any:
        """Submit, or adopt what an earlier try submitted; then wait and land, as far as asked."""
        with permanent_errors_fail_at_once():
            request = Text2VideoRequest.checked({name: getattr(self, name) for name in self.request_fields})
            if self.path is not None:
                try_target(target_at(self.path))
            task_id = self._submit_or_adopt(context, request)
        if not self.wait_for_completion and self.path is None:
            return task_id
        deadline = time.time() + self.timeout
        if self.deferrable:
            self.defer(
                trigger=KlingTaskTrigger(
                    kling_task_id=task_id,
                    product=TEXT2VIDEO,
                    kling_conn_id=self.kling_conn_id,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                ),
                method_name="execute_complete",
                timeout=backstop(deadline),
            )
        return self._finish(
            context,
            lambda: self.hook.wait_for_task(task_id, poll_interval=self.poll_interval, timeout=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger fired."""
        return self._finish(context, lambda: read_event(event))

    def _submit_or_adopt(self, context: Context, request: Text2VideoRequest) -> str:
        store = context.get("task_state_store")  # Airflow has had one since 3.3
        asked = fingerprint(request, self.kling_conn_id)
        record = store.get(RECORD_KEY) if store is not None else None
        task_id = adoptable(record, asked)
        if task_id is not None:
            self.log.info("Adopting Kling task %s, which an earlier try submitted", task_id)
        elif store is None:
            task_id = self._submit(request)
        elif was_interrupted(record, asked):
            store.delete(RECORD_KEY)  # said once: whoever clears the task now wants it submitted again
            raise KlingOutcomeUnknownError("An earlier try died while it was submitting this request.")
        else:
            task_id = self._submit_on_record(request, asked, store)
        context["ti"].xcom_push(key=TASK_ID_XCOM_KEY, value=task_id)
        return task_id

    def _submit(self, request: Text2VideoRequest) -> str:
        task_id = self.hook.submit(request).task_id
        self.log.info("Submitted Kling task %s", task_id)
        return task_id

    def _submit_on_record(self, request: Text2VideoRequest, asked: str, store: TaskStateStoreAccessor) -> str:
        store.set(RECORD_KEY, Submission(asked).as_record())
        try:
            task_id = self._submit(request)
        except KlingError:  # which says what became of it
            store.delete(RECORD_KEY)
            raise
        store.set(RECORD_KEY, Submission(asked, task_id).as_record())
        return task_id

    def _finish(self, context: Context, wait: Callable[[], VideoTask]) -> dict[str, Any]:
        store = context.get("task_state_store")
        with permanent_errors_fail_at_once():
            try:
                task = wait()
                if task.state is TaskState.FAILED:
                    raise failure_of(task)
                if self.path is None:
                    return task.as_dict()
                return land(self.hook, task.task_id, task.product, target_at(self.path))
            except Exception as error:
                if store is None:
                    # The next try could not know of the generation, and would pay for another one.
                    raise AirflowFailException(f"{error} Not retried, so as not to pay again.") from error
                if isinstance(error, KlingTaskFailedError | KlingTaskNotFoundError):
                    store.delete(RECORD_KEY)  # it will never have a video: clearing the task makes a new one
                raise
