"""What a model is not known to do is said before it is paid for: ``data/remarks.jsonl`` says what of what."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.models import MODELS, remarks_on
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import data_rows


@pytest.mark.parametrize("row", data_rows("remarks"))
def test_each_thing_that_does_not_suit_a_model_is_a_remark_with_what_is_allowed(row: dict[str, Any]) -> None:
    assert remarks_on(row["model"], row["fields"]) == row["remarks"]


def test_every_model_of_the_code_has_a_row() -> None:
    assert set(MODELS) <= {row.values[0]["model"] for row in data_rows("remarks")}


@pytest.mark.parametrize("odd", [None, 5, "", [], {}, ["on"], {"a": 1}, True], ids=str)
@pytest.mark.parametrize("model", ["kling-v1", "kling-v2-6", "kling-v3", "kling-v2-master"])
def test_values_of_an_odd_type_are_remarked_on_or_not_and_nothing_worse(model: str, odd: object) -> None:
    extra = dict.fromkeys(("sound", "voice_list", "camera_control", "multi_shot"), odd)
    request = Text2VideoRequest.checked({"prompt": "a deer", "model": model, "extra": extra})
    for gateway in GATEWAYS.values():
        assert all("does not suit model" in remark for remark in gateway.remarks(request))
