"""The transfer that lands a finished video in object storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_kling.api.generation import TEXT2VIDEO, task_id_of
from airflow_provider_kling.failures import permanent_errors_fail_at_once
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.hooks.lineage import land_with_lineage
from airflow_provider_kling.landing.land import target_at

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath, XComArg


class KlingToObjectStorageOperator(BaseOperator):
    """
    Land the video of a finished generation in any storage that Airflow's ObjectStoragePath reaches.

    It asks the gateway for a fresh link, streams the bytes beside the target, checks that they are a whole
    MP4 file, and only then gives the file its name. Running it again replaces the file with the same one.

    Returns what landed: ``path, bytes, sha256, duration`` (seconds)``, width, height`` (pixels)``, task_id``,
    and ``others``, a list of the same for further videos of the generation.

    :param kling_task_id: The id, or the dict that an operator or a sensor returned. (templated)
    :param path: The target, such as ``s3://bucket/{{ ds }}/deer.mp4``; ``s3://conn_id@bucket/...`` names the
        storage's connection. (templated)
    :param product: The path family of the generation. (templated)
    :param kling_conn_id: The Airflow connection of the gateway. (templated)
    """

    template_fields: Sequence[str] = ("kling_task_id", "path", "product", "kling_conn_id")
    ui_color = "#e8e3ff"

    def __init__(
        self,
        *,
        kling_task_id: str | Mapping[str, Any] | XComArg,
        path: str | ObjectStoragePath,
        product: str = TEXT2VIDEO,
        kling_conn_id: str = KlingHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kling_task_id = kling_task_id
        self.path = path
        self.product = product
        self.kling_conn_id = kling_conn_id

    @cached_property
    def hook(self) -> KlingHook:
        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        with permanent_errors_fail_at_once():
            task_id, target = task_id_of(self.kling_task_id), target_at(self.path)
            return land_with_lineage(self.hook, task_id, self.product, target)
