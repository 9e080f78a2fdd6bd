"""What errors say and never show, and the id of a generation as a DAG hands it on."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.errors import KlingError, KlingRequestError, KlingThrottledError
from airflow_provider_kling.api.generation import task_id_of
from airflow_provider_kling.api.masking import mask, without_query
from tests.unit.api.conftest import data_rows

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KlingError)]
RETRYABLE = {
    *("KlingTargetError", "KlingThrottledError", "KlingServerError", "KlingUnreachableError"),
    *("KlingUnreadableAnswerError", "KlingUnsettledError", "KlingMediaError"),
}


@pytest.mark.parametrize("row", data_rows("masked"))
def test_what_looks_like_a_secret_is_masked_and_nothing_else_in_any_form_of_an_error(
    row: dict[str, str],
) -> None:
    assert mask(row["text"]) == mask(row["masked"]) == row["masked"]
    error = KlingError(row["text"])
    for shown in (str(error), repr(error), str(error.args)):
        assert not [secret for secret in ("abc", "eyJ") if secret in shown]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_says_what_happened_its_facts_and_what_to_do_next(kind: type[KlingError]) -> None:
    error = kind("It broke.", code=1303, http_status=429, request_id="r-1", task_id="t-1")
    facts = "[Kling task t-1, HTTP 429, code 1303, request id r-1]"
    assert str(error) == f"It broke. {facts} {kind.remedy}".strip()
    assert str(kind("It broke.", code="")) == f"It broke. {kind.remedy}".strip()
    assert kind.remedy or kind is KlingError
    assert kind.retryable is (kind.__name__ in RETRYABLE)


def test_an_error_survives_the_way_to_another_process() -> None:
    error = KlingThrottledError("busy", code=1303, http_status=429, task_id="t-1", retry_after=2.0)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is KlingThrottledError
    assert (str(copied), copied.retry_after) == (str(error), 2.0)


def test_a_link_without_its_query_still_says_which_file() -> None:
    assert without_query("https://cdn/a.mp4?Signature=abc?def") == "https://cdn/a.mp4"
    assert without_query("https://cdn/a.mp4") == "https://cdn/a.mp4"


@pytest.mark.parametrize("row", data_rows("task-ids"))
def test_a_task_id_is_taken_from_an_id_and_from_the_dict_of_a_task_and_else_the_remedy_is_said(
    row: dict[str, Any],
) -> None:
    if row["task_id"] is not None:
        assert task_id_of(row["given"]) == row["task_id"]
        return
    with pytest.raises(KlingRequestError) as caught:
        task_id_of(row["given"])
    assert f"kling_task_id={row['given']!r}" in str(caught.value)
    assert "give the output of the task that submitted it" in str(caught.value)
