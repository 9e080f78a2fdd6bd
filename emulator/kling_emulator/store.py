"""What the emulator remembers: the tasks it made, the creates it was sent, and how often it was asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kling_emulator.tasks import VideoTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from kling_emulator.tasks import TaskSnapshot, VideoRequest


@dataclass(frozen=True)
class Counters:
    """How often each thing happened. What comes without a valid key counts as a connection only."""

    creates_received: int = 0
    """Requests for a generation, those refused for their body included."""
    creates_accepted: int = 0
    """Generations that exist: each would have cost money."""
    polls: int = 0
    """Queries about one task, and lists of tasks."""
    downloads: int = 0
    """Transfers of a video begun."""
    connections: int = 0
    """TCP connections accepted, those that ask for these counters included."""


class TaskStore:
    """
    The emulator's memory. It outlives a stop and a start of the server.

    Only the server's thread writes. Other threads read what is replaced whole (the counters) or copied
    in one step (the lists).

    :param seconds_per_video: seconds from a task's creation to its end, or what gives those of the next task.
    """

    def __init__(self, seconds_per_video: float | Callable[[], float]) -> None:
        self._seconds_per_video = seconds_per_video
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.counters = Counters()
        self._creates: list[dict[str, Any] | None] = []
        self._tasks: dict[str, VideoTask] = {}

    def count(self, counter: str) -> None:
        """
        Add one to a counter.

        :param counter: the name of the field of :class:`Counters`.
        """
        self.counters = replace(self.counters, **{counter: getattr(self.counters, counter) + 1})

    def receive(self, body: dict[str, Any] | None) -> None:
        """
        Record a create, before anything is known of its worth.

        :param body: its JSON object; None where it has none.
        """
        self.count("creates_received")
        self._creates.append(body)

    def accept(self, task_id: str, request: VideoRequest) -> VideoTask:
        """
        Make a task.

        :param task_id: the id its gateway gives it.
        :param request: what it shall render.
        """
        self.count("creates_accepted")
        lasts = self._seconds_per_video() if callable(self._seconds_per_video) else self._seconds_per_video
        task = VideoTask(task_id=task_id, request=request, lasts=lasts)
        self._tasks[task_id] = task
        return task

    def find(self, task_id: str) -> VideoTask | None:
        """
        Look a task up.

        :param task_id: the id that its gateway gave it.
        """
        return self._tasks.get(task_id)

    def find_external(self, external_task_id: str) -> VideoTask | None:
        """
        Look a task up by the id that its create gave it.

        :param external_task_id: that id.
        """
        tasks = self._tasks.values()
        return next((task for task in tasks if task.request.external_task_id == external_task_id), None)

    def tasks(self) -> list[VideoTask]:
        """List every task, oldest first."""
        return list(self._tasks.values())

    def snapshots(self) -> list[TaskSnapshot]:
        """Describe every task as it is now, oldest first."""
        return [task.snapshot() for task in self.tasks()]

    def creates(self) -> list[dict[str, Any] | None]:
        """List the body of every create, oldest first."""
        return list(self._creates)
