"""One generation: what was asked for, where it stands right now, and what one answer tells of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kling_emulator.faults import Fate, fates_of

VIDEO_SIZES = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}
"""Width and height of a video, in pixels, by its aspect ratio."""
_UNITS_PER_SECOND = 0.6
_UNKNOWN_WORD = "REVIEWING"


class State(StrEnum):
    """Where a task stands, before a gateway puts its own word to it."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
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
        return self.seconds * self.fps

    @property
    def units(self) -> float:
        """The price of the video."""
        return round(self.seconds * _UNITS_PER_SECOND, 6)


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
    """
    A generation that was accepted. Nothing runs for it: its state follows from its age.

    :param lasts: seconds from its creation to its end, but for a fate that makes it slow.
    :param created_at: Unix seconds.
    """

    task_id: str
    request: VideoRequest
    lasts: float
    # Two clocks: one to tell others the time, one that nobody can set back to measure it.
    created_at: float = field(default_factory=time.time)
    _born: float = field(default_factory=time.monotonic, init=False)
    queries: int = field(default=0, init=False)
    """How often it was asked about by its id."""
    transfers: int = field(default=0, init=False)
    """How often the transfer of its file was begun."""

    def __post_init__(self) -> None:
        self.fates = fates_of(self.request.prompt)
        if Fate.SLOW in self.fates:
            self.lasts *= 10

    @property
    def age(self) -> float:
        """Seconds since its creation."""
        return time.monotonic() - self._born

    @property
    def state(self) -> State:
        return self.state_at(self.age)

    def state_at(self, age: float) -> State:
        """Tell where it stands: a fifth of its time submitted, then processing, then at its end."""
        if age < self.lasts / 5:
            return State.SUBMITTED
        if age < self.lasts:
            return State.PROCESSING
        return State.FAILED if self.failure else State.SUCCEEDED

    def told_state(self, status_age: float) -> State:
        """Tell where it stood when somebody last looked, as :func:`last_look` says."""
        return self.state_at(last_look(self.age, status_age))

    @property
    def failure(self) -> str:
        """Why it fails at its end; empty where it succeeds."""
        if Fate.MODERATION in self.fates:
            return "Failure to pass the risk control system"
        if Fate.FAIL in self.fates:
            return "The generation failed, please try again later"
        return ""

    def changed_at(self, state: State) -> float:
        """Tell when it came into the state it is in, or was in before, in Unix seconds."""
        share = {State.SUBMITTED: 0.0, State.PROCESSING: 0.2}.get(state, 1.0)
        return self.created_at + share * self.lasts

    def snapshot(self) -> TaskSnapshot:
        return TaskSnapshot(
            task_id=self.task_id,
            external_task_id=self.request.external_task_id,
            model=self.request.model,
            prompt=self.request.prompt,
            state=self.state,
            queries=self.queries,
            transfers=self.transfers,
        )


def last_look(age: float, status_age: float) -> float:
    """
    Tell how old a task was when somebody last looked at it.

    :param age: how many seconds old it is.
    :param status_age: how many seconds go by from one look to the next, the first of them at its creation;
        0 for always.
    """
    return age - age % status_age if status_age else age


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """
    What an answer says about a task: perhaps late, perhaps not quite true.

    :param fates: those of its prompt, and those that befall this answer only.
    :param status_age: as for :func:`last_look`.
    :param url: the link of its file; empty where there is none to tell.
    """

    task: VideoTask
    state: State
    fates: frozenset[Fate]
    status_age: float
    url: str

    @property
    def failure(self) -> str:
        """Why it failed; empty where it did not, or not yet."""
        return self.task.failure if self.state is State.FAILED else ""

    def word(self, words: Mapping[State, str]) -> str:
        """Put one of a gateway's words to the state."""
        if Fate.UNKNOWN_STATUS in self.fates and not self.state.is_final:
            return _UNKNOWN_WORD
        return words[self.state]

    def noticed_at(self, state: State) -> float:
        """Tell when whoever answers saw the task come into a state, in Unix seconds."""
        delay = self.task.changed_at(state) - self.task.created_at
        if self.status_age:
            delay = math.ceil(delay / self.status_age) * self.status_age
        return self.task.created_at + delay


def sight(
    task: VideoTask, *, status_age: float, lie: Fate | None, link: Callable[[VideoTask], str]
) -> Sighting:
    """
    Look at a task.

    :param status_age: as for :func:`last_look`.
    :param lie: the fate of this answer, beside those of the task.
    :param link: gives the URL of its file.
    """
    state = task.told_state(status_age)
    # The tag of a prompt ends with its task. Who plans a lie about one answer means that answer.
    if lie is Fate.UNKNOWN_STATUS and state.is_final:
        state = State.PROCESSING
    fates = task.fates | ({lie} if lie else set())
    has_url = state is State.SUCCEEDED and Fate.NO_URL not in fates
    return Sighting(
        task=task, state=state, fates=fates, status_age=status_age, url=link(task) if has_url else ""
    )
