from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.ids import kling_task_id_behind, relay_task_id
from kling_emulator.gateways.official_answers import envelope, reported
from kling_emulator.gateways.relay import Relay, served_model
from kling_emulator.gateways.relay_bodies import current_body
from kling_emulator.gateways.relay_rows import ROW_STATUS_WORDS, relay_envelope, row

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting


class StockNewApi(Relay):
    """New API of 2026 as it comes: ids of its own, Kling's fields in ``metadata``, a column for the link."""

    name = "newapi"
    status_words = ROW_STATUS_WORDS

    def kling_body(self, body: Json) -> Json:
        """Want ``model``, and hand on what is in ``metadata``."""
        return current_body(body, served_model(body.get("model")))

    def new_task_id(self) -> str:
        """Make up an id of the relay's own."""
        return relay_task_id()

    def report(self, sighting: Sighting) -> Json:
        """Answer with the row, in which the column for the link repeats why a task failed."""
        data = row(sighting, fail_reason=sighting.failure, kling_answer=self.kling_answer(sighting))
        return relay_envelope({**data, "result_url": sighting.url or sighting.failure})

    def kling_answer(self, sighting: Sighting) -> Json:
        """
        Give the last answer of Kling about a task, which has Kling's id for it and Kling's link.

        :param sighting: the task, as it is to be told.
        """
        return envelope(reported(sighting, kling_task_id_behind(sighting.task.task_id)))
