from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_emulator.gateways.base import Gateway
    from kling_emulator.limits import Limits
    from kling_emulator.links import LinkSigner
    from kling_emulator.plans import Plans
    from kling_emulator.store import TaskStore


@dataclass(frozen=True, kw_only=True)
class Emulation:
    """
    All that outlives a stop and a start of the server.

    :param gateway: what to be.
    :param store: what to remember.
    :param signer: signs the links to files.
    :param limits: what to refuse.
    :param plans: what shall go wrong.
    :param status_age: seconds from one look of the gateway at its tasks to the next; 0 for always.
    """

    gateway: Gateway
    store: TaskStore
    signer: LinkSigner
    limits: Limits
    plans: Plans
    status_age: float

    def reset(self) -> None:
        """Forget everything that happened, and every plan."""
        self.store.reset()
        self.limits.reset()
        self.plans.clear()
