from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.ids import kling_task_id
from kling_emulator.gateways.official_answers import envelope, reported
from kling_emulator.gateways.relay import Relay, served_model
from kling_emulator.gateways.relay_bodies import STOCK_FIELDS, old_body
from kling_emulator.gateways.relay_rows import ROW_STATUS_WORDS, relay_envelope, row

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting


class OldNewApi(Relay):
    """New API before 2026: Kling's ids, Kling's fields at top level, and no column for the link."""

    name = "newapi-old"
    connection_name = "newapi"
    status_words = ROW_STATUS_WORDS

    def kling_body(self, body: Json) -> Json:
        """Want a model under either name, and hand on what is at top level."""
        return old_body(body, served_model(body.get("model_name") or body.get("model")), STOCK_FIELDS)

    def new_task_id(self) -> str:
        """Make up an id like Kling's, which this version hands through."""
        return kling_task_id()

    def report(self, sighting: Sighting) -> Json:
        """Answer with the row, which keeps the link where a failed task has its reason."""
        kling_answer = envelope(reported(sighting, sighting.task.task_id))
        fail_reason = sighting.url or sighting.failure
        return relay_envelope(row(sighting, fail_reason=fail_reason, kling_answer=kling_answer))
