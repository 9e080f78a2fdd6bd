"""What may be asked for: ``data/rules.jsonl`` has what is refused at every gateway, and in what words."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.errors import KlingRequestError
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import data_rows


def checked(**fields: Any) -> Text2VideoRequest:
    return Text2VideoRequest.checked({"prompt": "a deer", **fields})


@pytest.mark.parametrize("row", data_rows("rules"))
def test_each_value_that_breaks_a_rule_is_named_with_its_field_and_the_remedy(row: dict[str, Any]) -> None:
    with pytest.raises(KlingRequestError) as caught:
        checked(**row["fields"])
    assert str(caught.value) == row["refused"]


def test_a_value_that_json_does_not_have_is_found_wherever_it_is() -> None:
    with pytest.raises(KlingRequestError, match=r"metadata\.when[\w.]*=<class 'object'> .*JSON"):
        checked(metadata={"when": object})


def test_a_long_value_is_shortened_in_the_error() -> None:
    with pytest.raises(KlingRequestError, match=r"\(2000000 characters\)") as caught:
        checked(image="Zm9v" * 500_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("length", [1, 2500])
def test_a_prompt_of_up_to_2500_characters_passes(length: int) -> None:
    assert len(checked(prompt="ü" * length, negative_prompt="ü" * length).prompt) == length


@pytest.mark.parametrize("row", data_rows("rendered"))
def test_a_value_is_taken_as_a_template_renders_it(row: dict[str, Any]) -> None:
    size = {"width": 1, "height": 1} if row["name"] in ("width", "height") else {}
    taken = getattr(checked(**{**size, row["name"]: row["given"]}), row["name"])
    assert (type(taken), taken) == (type(row["value"]), row["value"])


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_an_empty_text_and_none_mean_not_given(nothing: str | None) -> None:
    fields = {name: nothing for name in Text2VideoRequest.model_fields if name != "prompt"}
    request = checked(**fields)
    assert request == Text2VideoRequest(prompt="a deer")
    assert request.model_fields_set == {"prompt"}


@pytest.mark.parametrize("fields", [{}, {"prompt": None}], ids=["left out", "None"])
def test_a_missing_prompt_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(KlingRequestError, match="prompt is missing"):
        Text2VideoRequest.checked(fields)


def test_a_request_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        checked().prompt = "another deer"
