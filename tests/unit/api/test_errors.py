"""What errors say and never show, and the id of a generation as a DAG hands it on."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.errors import KlingError, KlingRequestError, KlingThrottledError
from airflow_provider_kling.api.generation import task_id_of
from airflow_provider_kling.api.masking import mask, without_query

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KlingError)]
RETRYABLE = {
    *("KlingTargetError", "KlingThrottledError", "KlingServerError", "KlingUnreachableError"),
    *("KlingUnreadableAnswerError", "KlingUnsettledError", "KlingMediaError"),
}
SECRETS = {
    "Authorization: Bearer abcdef0123456789 and so on": "Authorization: Bearer *** and so on",
    "bearer abcdef.ghijkl": "bearer ***",
    "the key sk-abcdef0123456789 is bad": "the key *** is bad",
    "the key api-key-abcdef0123": "the key ***",
    "token eyJhbGciOiJI.eyJpc3MiOiJh.abc-def_": "token ***",
    "GET https://cdn.example.com/a.mp4?Expires=1&Signature=abcdef failed": (
        "GET https://cdn.example.com/a.mp4?*** failed"
    ),
    "two https://a/b?Signature=abcdef https://c/d?x=abcdef": "two https://a/b?*** https://c/d?***",
}
HARMLESS = (
    *("duration value '99' is invalid", "https://cdn.example.com/a.mp4", "is it? https://a/b yes?"),
    "task-1234567890",
)


@pytest.mark.parametrize(("text", "masked"), [*SECRETS.items(), *zip(HARMLESS, HARMLESS, strict=True)])
def test_what_looks_like_a_secret_is_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize("kind", ALL)
def test_an_error_says_what_happened_its_facts_and_what_to_do_next(kind: type[KlingError]) -> None:
    error = kind("It broke.", code=1303, http_status=429, request_id="r-1", task_id="t-1")
    facts = "[Kling task t-1, HTTP 429, code 1303, request id r-1]"
    assert str(error) == f"It broke. {facts} {kind.remedy}".strip()
    assert str(kind("It broke.", code="")) == f"It broke. {kind.remedy}".strip()
    assert kind.remedy or kind is KlingError
    assert kind.retryable is (kind.__name__ in RETRYABLE)


@pytest.mark.parametrize("text", SECRETS)
def test_no_form_of_an_error_shows_a_secret(text: str) -> None:
    error = KlingError(text)
    for shown in (str(error), repr(error), str(error.args)):
        assert "abc" not in shown
        assert "eyJ" not in shown


def test_an_error_survives_the_way_to_another_process() -> None:
    error = KlingThrottledError("busy", code=1303, http_status=429, task_id="t-1", retry_after=2.0)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is KlingThrottledError
    assert (str(copied), copied.retry_after) == (str(error), 2.0)


def test_a_link_without_its_query_still_says_which_file() -> None:
    assert without_query("https://cdn/a.mp4?Signature=abc?def") == "https://cdn/a.mp4"
    assert without_query("https://cdn/a.mp4") == "https://cdn/a.mp4"


@pytest.mark.parametrize(
    ("given", "task_id"),
    [
        ("task_1", "task_1"),
        (" task_1\n", "task_1"),
        ({"task_id": "task_1", "state": "succeeded"}, "task_1"),
        ({"task_id": "task_1", "path": "s3://bucket/deer.mp4"}, "task_1"),
        (812345678901234567, "812345678901234567"),  # a template that was rendered as a native object
        ({"task_id": 812345678901234567}, "812345678901234567"),
    ],
    ids=str,
)
def test_a_task_id_is_taken_from_an_id_and_from_the_dict_of_a_task(given: object, task_id: str) -> None:
    assert task_id_of(given) == task_id


@pytest.mark.parametrize(
    "given",
    [None, "", " ", {}, {"task_id": None}, {"task_id": " "}, ["task_1"], True, 1.5, {"id": "t"}],
    ids=str,
)
def test_what_is_no_task_id_is_shown_with_the_remedy(given: object) -> None:
    with pytest.raises(KlingRequestError) as caught:
        task_id_of(given)
    assert f"kling_task_id={given!r}" in str(caught.value)
    assert "give the output of the task that submitted it" in str(caught.value)
