from __future__ import annotations

import pytest

from airflow_provider_kling.api.errors import KlingRequestError
from airflow_provider_kling.api.generation import task_id_of


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
