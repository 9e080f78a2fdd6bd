from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.submissions import Submission, adoptable, fingerprint, was_interrupted

ASKED = "f" * 32


def of(conn_id: str = "kling_default", **fields: Any) -> str:
    return fingerprint(Text2VideoRequest.checked({"prompt": "a deer", **fields}), conn_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": 5},
        {"duration": "5.0"},
        {"prompt": " a deer\n"},
        {"model": "kling-v3"},
        {"mode": None},
        {"mode": ""},
        {"metadata": {}},
    ],
    ids=str,
)
def test_the_same_asked_for_in_other_words_has_the_same_fingerprint(fields: dict[str, Any]) -> None:
    assert of(**fields) == of()


def test_the_order_of_keys_does_not_make_another_request() -> None:
    assert of(metadata={"a": 1, "b": {"c": 2, "d": 3}}) == of(metadata={"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a dear"},
        {"model": "kling-v1"},
        {"negative_prompt": "blur"},
        {"duration": 5.5},
        {"aspect_ratio": "16:9"},
        {"mode": "pro"},
        {"cfg_scale": 0},
        {"image": "https://example.com/a.png"},
        {"image_tail": "https://example.com/a.png"},
        {"width": 64, "height": 64},
        {"fps": 24},
        {"seed": 0},
        {"n": 1},
        {"response_format": "url"},
        {"user": "me"},
        {"metadata": {"style": None}},
        {"extra": {"style": None}},
        {"conn_id": "kling_other"},
    ],
    ids=str,
)
def test_anything_else_asked_for_has_another_fingerprint(fields: dict[str, Any]) -> None:
    assert of(**fields) != of()


def test_a_fingerprint_is_the_same_in_another_process_and_does_not_show_the_prompt() -> None:
    program = (
        "from airflow_provider_kling.api.requests import Text2VideoRequest as R;"
        "from airflow_provider_kling.submissions import fingerprint as f;"
        "print(f(R(prompt='a deer', extra={'x': 1}), 'kling_default'))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == of(extra={"x": 1})
    assert len(of()) == 32
    assert set(of()) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("record", "task_id"),
    [
        ({"kling_task_id": "t-1", "fingerprint": ASKED}, "t-1"),
        ({"kling_task_id": "t-1", "fingerprint": ASKED, "newer": "field"}, "t-1"),
        ({"kling_task_id": "t-1", "fingerprint": "another"}, None),
        ({"kling_task_id": "t-1", "fingerprint": None}, None),
        ({"kling_task_id": "t-1"}, None),
        ({"kling_task_id": "", "fingerprint": ASKED}, None),
        ({"kling_task_id": None, "fingerprint": ASKED}, None),
        ({"kling_task_id": 5, "fingerprint": ASKED}, None),
        ({"fingerprint": ASKED}, None),
        ({}, None),
        (None, None),
        ("t-1", None),
        (["t-1", ASKED], None),
    ],
    ids=str,
)
def test_only_a_whole_record_of_the_same_request_is_adopted(record: object, task_id: str | None) -> None:
    assert adoptable(record, ASKED) == task_id


def test_a_record_survives_as_plain_json() -> None:
    record = json.loads(json.dumps(Submission(ASKED, "t-1").as_record()))
    assert adoptable(record, ASKED) == "t-1"
    assert adoptable(record, "another") is None


@pytest.mark.parametrize(
    ("record", "interrupted"),
    [
        (Submission(ASKED).as_record(), True),
        (Submission(ASKED, "t-1").as_record(), False),
        (Submission("another").as_record(), False),
        ({}, False),
        (None, False),
        ("t-1", False),
    ],
    ids=str,
)
def test_a_record_without_an_id_says_that_a_try_died_while_submitting(
    record: object, interrupted: bool
) -> None:
    assert was_interrupted(record, ASKED) is interrupted
