"""One generation: what was asked for, and where it stands right now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from kling_emulator.fates import Fate, fates_of

VIDEO_SIZES = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}
"""Width and height of a video, in pixels, by its aspect ratio."""


class State(StrEnum):
    """Where a task stands, before a gateway puts its own word to it."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.SUCCEEDED, State.FAILED)


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """What a create asks for, whatever its gateway calls the fields. Width and height in pixels, even."""

    model: str
    prompt: str
    seconds: int
    width: int
    height: int
    fps: int = 24
    seed: int | None = None
    external_task_id: str | None = None

    @property
    def frames(self) -> int:
        """Number of frames of the video."""
        return self.seconds * self.fps


@dataclass(frozen=True, kw_only=True)
class TaskSnapshot:
    """A task as it was at one moment."""

    task_id: str
    external_task_id: str | None
    model: str
    prompt: str
    state: State
    queries: int
    transfers: int


@dataclass(kw_only=True)
class VideoTask:
    """A generation that was accepted. Nothing runs for it: its state follows from its age."""

    task_id: str
    request: VideoRequest
    lasts: float
    """Seconds from its creation to its end, but for a fate that makes it slow."""
    queries: int = 0
    """How often it was asked about by its id."""
    transfers: int = 0
    """How often the transfer of its file was begun."""

    def __post_init__(self) -> None:
        # Two clocks: one to tell others the time, one that nobody can set back to measure it.
        self.created_at = time.time()
        self._born = time.monotonic()
        self.fates = fates_of(self.request.prompt)
        if Fate.SLOW in self.fates:
            self.lasts *= 10

    @property
    def age(self) -> float:
        """Seconds since its creation."""
        return time.monotonic() - self._born

    @property
    def state(self) -> State:
        """Where it stands now."""
        return self.state_at(self.age)

    def state_at(self, age: float) -> State:
        """
        Tell where it stands: a fifth of its time submitted, then processing, then at its end.

        :param age: at how many seconds after its creation.
        """
        if age < self.lasts / 5:
            return State.SUBMITTED
        if age < self.lasts:
            return State.PROCESSING
        return State.FAILED if self.failure else State.SUCCEEDED

    @property
    def failure(self) -> str:
        """Why it fails at its end; empty where it succeeds."""
        if Fate.MODERATION in self.fates:
            return "Failure to pass the risk control system"
        if Fate.FAIL in self.fates:
            return "The generation failed, please try again later"
        return ""

    def changed_at(self, state: State) -> float:
        """
        Tell when it came into a state.

        :param state: the state it is in.
        :return: Unix seconds.
        """
        share = {State.SUBMITTED: 0.0, State.PROCESSING: 0.2}.get(state, 1.0)
        return self.created_at + share * self.lasts

    def snapshot(self) -> TaskSnapshot:
        """Describe it as it is now."""
        return TaskSnapshot(
            task_id=self.task_id,
            external_task_id=self.request.external_task_id,
            model=self.request.model,
            prompt=self.request.prompt,
            state=self.state,
            queries=self.queries,
            transfers=self.transfers,
        )
