"""A task as one answer tells of it: perhaps late, perhaps not quite true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_emulator.fates import Fate
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kling_emulator.tasks import VideoTask

UNKNOWN_WORD = "REVIEWING"


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What an answer says about a task."""

    task: VideoTask
    state: State
    fates: frozenset[Fate]
    """Those of its prompt, and those that befall this answer only."""
    status_age: float
    url: str
    """The link of its file; empty where there is none to tell."""

    @property
    def failure(self) -> str:
        """Why it failed; empty where it did not, or not yet."""
        return self.task.failure if self.state is State.FAILED else ""

    def word(self, words: Mapping[State, str]) -> str:
        """
        Put a gateway's word to the state.

        :param words: those that the gateway has.
        """
        if Fate.UNKNOWN_STATUS in self.fates and not self.state.is_final:
            return UNKNOWN_WORD
        return words[self.state]

    def noticed_at(self, state: State) -> float:
        """
        Tell when whoever answers saw the task come into a state.

        :param state: the state it is in, or was in before.
        :return: Unix seconds.
        """
        delay = self.task.changed_at(state) - self.task.created_at
        if self.status_age:
            delay = math.ceil(delay / self.status_age) * self.status_age
        return self.task.created_at + delay


def told_state(task: VideoTask, status_age: float) -> State:
    """
    Tell the state of a task as of the last time that somebody looked.

    :param task: the task.
    :param status_age: how many seconds go by from one look to the next, the first of them at its creation;
        0 for always.
    """
    age = task.age
    return task.state_at(age - age % status_age if status_age else age)


def sight(
    task: VideoTask, *, status_age: float, lies: frozenset[Fate], link: Callable[[VideoTask], str]
) -> Sighting:
    """
    Look at a task.

    :param task: the task.
    :param status_age: as for :func:`told_state`.
    :param lies: the fates of this answer, beside those of the task.
    :param link: gives the URL of its file.
    """
    state = told_state(task, status_age)
    # The tag of a prompt ends with its task. Who plans a lie about one answer means that answer.
    if Fate.UNKNOWN_STATUS in lies and state.is_final:
        state = State.PROCESSING
    fates = task.fates | lies
    has_url = state is State.SUCCEEDED and Fate.NO_URL not in fates
    return Sighting(
        task=task, state=state, fates=fates, status_age=status_age, url=link(task) if has_url else ""
    )
