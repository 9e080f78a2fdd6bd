"""Which bodies each gateway takes, what it says of the others, and what of them reaches Kling."""

from __future__ import annotations

from typing import Any

import pytest
from kling_emulator.gateways.new_api import KLING_FIELDS, current_body, old_body

from tests.unit.emulator.dialects import EVERY_GATEWAY, Caller, Emulate
from tests.unit.emulator.goldens import CREATES, answers_to_creates, stored

DEFAULTS = {
    "model_name": "kling-v1",
    "prompt": "a deer",
    "mode": "std",
    "duration": "5",
    "aspect_ratio": "1:1",
    "cfg_scale": 0.5,
}


@EVERY_GATEWAY
def test_each_create_is_answered_word_for_word_as_it_was(gateway: str) -> None:
    rows = [row for row in stored(CREATES) if row[0] == gateway]

    assert rows
    assert answers_to_creates(gateway) == rows


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_kling_takes_so_many_characters_and_no_more(kling: Caller, field: str) -> None:
    answer = kling.create({"prompt": "a deer", field: "x" * 2501})

    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert answer.json()["message"] == f"{field}: size must be between 0 and 2500"
    assert kling.create({"prompt": "a deer", field: "x" * 2500}).status_code == 200


def test_an_image_of_ten_megabytes_fits_into_a_create(elkapi: Caller) -> None:
    assert elkapi.create(image="A" * 14_000_000).status_code == 200


def sent(version: str, **fields: Any) -> dict[str, Any]:
    """What reaches Kling of a body."""
    body = {"prompt": "a deer", **fields}
    is_current = version == "since 2026"
    return current_body(body, "kling-v1") if is_current else old_body(body, "kling-v1", KLING_FIELDS)


@pytest.mark.parametrize(("version", "fields", "beyond_defaults"), stored("kling_bodies.json"))
def test_kling_s_fields_are_taken_from_metadata_since_2026_and_from_the_top_level_before(
    version: str, fields: dict[str, Any], beyond_defaults: dict[str, Any]
) -> None:
    assert sent(version, **fields) == {**DEFAULTS, **beyond_defaults}


def test_an_empty_field_takes_the_relay_s_default_with_it_so_that_kling_s_applies() -> None:
    empty = {"aspect_ratio": "", "cfg_scale": 0, "dynamic_masks": []}
    rest = {name: value for name, value in DEFAULTS.items() if name not in empty}

    assert sent("since 2026", metadata=empty) == sent("before 2026", **empty) == rest


def test_each_gateway_has_its_name_for_the_model(emulate: Emulate) -> None:
    def models(gateway: str, **fields: Any) -> list[str]:
        caller = emulate(gateway)
        caller.create({"prompt": "a deer", **fields})
        return [task.model for task in caller.emulator.tasks()]

    assert models("official", model="kling-v3") == ["kling-v1"], "which has no effect"
    assert models("newapi-old", model_name="kling-v2-6") == ["kling-v2-6"]
    assert models("newapi", model_name="kling-v2-6") == []
    assert models("newapi", model="kling-v1", metadata={"model_name": "kling-v3"}) == ["kling-v3"]
    assert models("elkapi") == ["kling-v3"]


def test_at_elkapi_the_ratio_in_metadata_decides_the_size_unless_width_and_height_do(elkapi: Caller) -> None:
    def size(**fields: Any) -> tuple[int, int]:
        fields = {"width": None, "height": None, "seed": 7, "fps": 30, "duration": 5.0, **fields}
        told = elkapi.report(elkapi.created(**fields))["metadata"]
        assert (told["duration"], told["fps"], told["seed"]) == (5, 30, 7)
        return told["width"], told["height"]

    upright = {"aspect_ratio": "9:16"}
    assert size(metadata=upright) == (720, 1280)
    assert size(metadata=upright, width=641, height=361) == (640, 360)
    assert size(**upright, mode="nonsense") == (1280, 720), "Kling's fields have no effect there"
