"""The sensor that waits for a generation."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_kling.api.errors import KlingError, KlingTimeoutError
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, task_id_of
from airflow_provider_kling.api.reading.answers import failure_of
from airflow_provider_kling.failures import permanent_errors_fail_at_once
from airflow_provider_kling.hooks.kling import DEFAULT_POLL_INTERVAL, KlingHook
from airflow_provider_kling.triggers.events import read_event
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from airflow_provider_kling.waiting.wait import Wait, backstop, execution_deadline

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg


class KlingTaskSensor(BaseSensorOperator):
    """
    Wait until a generation has ended, and return the finished task as a dict.

    The three ways of waiting (``mode="poke"``, ``mode="reschedule"``, ``deferrable=True``) give the same
    result and the same errors. A gateway that is down is asked again until ``timeout``; a generation that
    failed, or a key that is refused, fails the task at once.

    :param kling_task_id: The id, or the dict that an operator or a sensor returned. (templated)
    :param product: The path family of the generation. (templated)
    :param kling_conn_id: The Airflow connection. (templated)
    :param deferrable: Wait in the triggerer, which holds no worker.
    :param poke_interval: Seconds from one question to the next (default: 10); when deferred, the longest
        pause before one, which None leaves to the pacing: the more questions the nearer the usual end.
    """

    template_fields: Sequence[str] = ("kling_task_id", "product", "kling_conn_id")
    ui_color = "#e8e3ff"

    def __init__(
        self,
        *,
        kling_task_id: str | Mapping[str, Any] | XComArg,
        product: str = TEXT2VIDEO,
        kling_conn_id: str = KlingHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=DEFAULT_POLL_INTERVAL if poke_interval is None else poke_interval, **kwargs
        )
        if self.poke_interval <= 0:  # which Airflow allows: asking without a pause
            raise ValueError(f"poke_interval={poke_interval!r} must be a positive number of seconds")
        self.kling_task_id = kling_task_id
        self.product = product
        self.kling_conn_id = kling_conn_id
        self.deferrable = deferrable
        self._poll_interval = None if poke_interval is None else self.poke_interval
        self._submitted_at: float | None = None

    @cached_property
    def hook(self) -> KlingHook:
        return KlingHook(self.kling_conn_id)

    @cached_property
    def _wait(self) -> Wait:
        # Airflow itself counts the sensor's timeout, so this wait has no deadline.
        return Wait(task_id_of(self.kling_task_id), deadline=math.inf)

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        started = time.time()
        try:
            ended = self.poke(context)
        except AirflowFailException as error:
            # What BaseSensorOperator does around its own pokes.
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException("Skipping, as soft_fail or never_fail asks for.") from error
            raise
        if isinstance(ended, PokeReturnValue):
            return ended.xcom_value
        deadline = min(started + self.timeout, self._execution_deadline(context))
        self.defer(
            trigger=KlingTaskTrigger(
                kling_task_id=task_id_of(self.kling_task_id),
                product=self.product,
                kling_conn_id=self.kling_conn_id,
                poll_interval=self._poll_interval,
                deadline=deadline,
                submitted_at=self._submitted_at,
            ),
            method_name="execute_complete",
            timeout=backstop(deadline, time.time()),
        )

    def poke(self, context: Context) -> bool | PokeReturnValue:
        with permanent_errors_fail_at_once():
            outcome: Generation | KlingError
            try:
                outcome = self.hook.get_task(self._wait.task_id, self.product)
                self._submitted_at = outcome.created_at.timestamp() if outcome.created_at else None
            except KlingError as error:
                outcome = error
            task = self._wait.ended(outcome, time.time())
            return PokeReturnValue(is_done=True, xcom_value=self._result(task)) if task else False

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        with permanent_errors_fail_at_once():
            try:
                return self._result(read_event(event))
            except KlingTimeoutError as error:
                if time.time() >= self._execution_deadline(context):
                    raise AirflowTaskTimeout(str(error)) from error
                raise AirflowSensorTimeout(str(error)) from error

    def _execution_deadline(self, context: Context) -> float:
        return execution_deadline(context["ti"].start_date, self.execution_timeout)

    def _result(self, task: Generation) -> dict[str, Any]:
        if task.state is GenerationState.FAILED:
            raise failure_of(task)
        self.log.info("Kling task %s has succeeded", task.task_id)
        return task.as_dict()
