from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.models import MODELS
from kling_emulator.gateways.old_new_api import OldNewApi
from kling_emulator.gateways.relay import served_model
from kling_emulator.gateways.relay_bodies import STOCK_FIELDS, old_body
from kling_emulator.gateways.relay_rows import relay_envelope

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting

_FIELDS = {
    **STOCK_FIELDS,
    "sound": "string",
    "voice_list": "array",
    "element_list": "array",
    "multi_prompt": "array",
    "image_list": "array",
    "video_list": "array",
}
_COLUMNS = (
    "task_id",
    "action",
    "status",
    "fail_reason",
    "submit_time",
    "start_time",
    "finish_time",
    "progress",
    "data",
)


class EzModelCode(OldNewApi):
    """EzModel as its public code has it, unlike its page: an older New API with more fields."""

    name = "ezmodel-code"
    connection_name = "ezmodel"

    def kling_body(self, body: Json) -> Json:
        """Hand on more fields, and no mode to a model that has none."""
        model = served_model(body.get("model_name") or body.get("model"))
        kling_body = {"sound": "off", **old_body(body, model, _FIELDS)}
        if not MODELS[model].modes:
            kling_body.pop("mode", None)
        return kling_body

    def report(self, sighting: Sighting) -> Json:
        """Answer with some of the row."""
        data = super().report(sighting)["data"]
        return relay_envelope({column: data[column] for column in _COLUMNS})
