"""One vocabulary for every gateway: a generation, its state, its videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from airflow_provider_kling.api.errors import KlingError, KlingRequestError
from airflow_provider_kling.api.masking import without_query

TEXT2VIDEO = "text2video"


class GenerationState(StrEnum):
    """Where a generation is. A word that nobody knows is read as ``PROCESSING``, never as an end."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the generation."""
        return self in (GenerationState.SUCCEEDED, GenerationState.FAILED)


@dataclass(frozen=True, slots=True)
class Video:
    """
    One finished video.

    :param url: Where its bytes are. Mostly a signed link, which is a secret and expires.
    :param id: Kling's id of the video, where the gateway tells it.
    :param duration: Seconds, where the gateway tells them.
    """

    url: str
    id: str | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """
    A generation at a gateway, at the moment when it was asked about.

    :param task_id: The gateway's id, an opaque string.
    :param product: The path family that it lives under, such as ``text2video``.
    :param videos: At least one when ``state`` is ``SUCCEEDED``, otherwise empty.
    :param external_task_id: The customer's own id, where one was sent and the gateway tells it.
    :param failure: Why it failed, in the gateway's words with secrets masked.
    :param units: Units that it cost, where the gateway tells them.
    :param request_id: The gateway's id of the exchange, for its support.
    """

    task_id: str
    product: str
    state: GenerationState
    videos: tuple[Video, ...] = ()
    external_task_id: str | None = None
    failure: str | None = None
    units: float | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    request_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """
        Return plain JSON that may be stored anywhere: XCom, an event, a manifest.

        ``url`` comes without its query, because a signed link is a secret. Whoever wants the bytes
        asks the gateway for a fresh link: ``KlingHook.get_task`` or ``KlingHook.download``.
        """
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "product": self.product,
            "state": self.state.value,
            "videos": [{**asdict(video), "url": without_query(video.url)} for video in self.videos],
            "units": self.units,
            "created_at": self.created_at.isoformat() if self.created_at else None,
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "request_id": self.request_id,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], *, failure: str | None = None) -> Generation:
        """
        Read what :meth:`as_dict` wrote.

        :raises KeyError, TypeError, ValueError: when ``stored`` is something else.
        """
        return cls(
            task_id=stored["task_id"],
            product=stored["product"],
            state=GenerationState(stored["state"]),
            videos=tuple(Video(**video) for video in stored["videos"]),
            external_task_id=stored["external_task_id"],
            failure=failure,
            units=stored["units"],
            created_at=_instant(stored["created_at"]),
            finished_at=_instant(stored["finished_at"]),
            request_id=stored["request_id"],
        )


# What became of a question about several generations, by task id.
Outcomes = dict[str, Generation | KlingError]


def task_id_of(task: object) -> str:
    """
    Return the task id, given it or the dict of a finished or landed task.

    :raises KlingRequestError: it is neither.
    """
    task_id = task.get("task_id") if isinstance(task, Mapping) else task
    if isinstance(task_id, int) and not isinstance(task_id, bool):
        task_id = str(task_id)  # a DAG that renders templates as native objects makes numbers of Kling's ids
    if not isinstance(task_id, str) or not task_id.strip():
        raise KlingRequestError(
            f"kling_task_id={task!r} is neither a task id nor the dict of a task; "
            "give the output of the task that submitted it."
        )
    return task_id.strip()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
