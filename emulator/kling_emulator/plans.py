"""The faults that somebody planned, and whom they hit."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from kling_emulator.faults import Fault, Kind, On

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Plan:
    """A fault, and how many requests of one sort it hits."""

    on: On
    fault: Fault
    times: int | None = 1
    """Hits that are left; None for any number."""
    share: float = 1.0
    """How probable it is that a request is hit."""
    seed: int = 0
    _dice: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)

    def hits(self, on: On, *, shows_a_success: bool) -> bool:
        """
        Tell whether it hits a request.

        :param on: what is asked for.
        :param shows_a_success: whether the answer would tell of a task that has succeeded.
        """
        is_for_it = on is self.on and (shows_a_success or self.fault.kind is not Kind.NO_URL)
        return is_for_it and self._dice.random() < self.share

    def describe(self) -> dict[str, Any]:
        """Say what is left of it, in the form in which plans are made."""
        kind = self.fault.kind
        details = {name: getattr(self.fault, name) for name in kind.details}
        return {
            "on": self.on.value,
            "fault": kind.label,
            "times": self.times,
            "share": self.share,
            "seed": self.seed,
            **details,
        }


class Plans:
    """The plans of one emulator, in their order. Any thread may make them; the server's uses them up."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []
        self._lock = threading.Lock()

    def add(self, plans: Sequence[Plan]) -> None:
        """
        Put plans after those there are.

        :param plans: the plans.
        """
        with self._lock:
            self._plans.extend(plans)

    def clear(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._plans.clear()

    def left(self) -> list[dict[str, Any]]:
        """Describe the plans that have hits left."""
        with self._lock:
            return [plan.describe() for plan in self._plans]

    def take(self, on: On, *, shows_a_success: bool = False) -> Fault | None:
        """
        Use up one hit of the first plan that hits a request.

        :param on: what is asked for.
        :param shows_a_success: whether the answer would tell of a task that has succeeded.
        :return: what befalls the request; None for nothing.
        """
        with self._lock:
            plan = next(
                (plan for plan in self._plans if plan.hits(on, shows_a_success=shows_a_success)), None
            )
            if plan is None:
                return None
            if plan.times is not None:
                plan.times -= 1
                if plan.times == 0:
                    self._plans.remove(plan)
            return plan.fault
