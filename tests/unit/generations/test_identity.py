"""What an order is called: the same in every try and process, and other names for anything else."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.generations.identity import OnRerun, OnUnknownOutcome, Order

ITEM = "dag\nrun\ntask\n-1"


def order(conn_id: str = "kling_default", item: str = ITEM, **fields: Any) -> Order:
    return Order(Text2VideoRequest.checked({"prompt": "a deer", **fields}), conn_id, item)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(({}, {"duration": "5.0"}), ({}, {"prompt": " a deer\n"}), ({}, {"metadata": {}})),
        *(({}, {"mode": ""}), ({}, {"mode": None})),
        ({"metadata": {"a": 1, "b": {"c": 2, "d": 3}}}, {"metadata": {"b": {"d": 3, "c": 2}, "a": 1}}),
    ],
    ids=str,
)
def test_the_same_ordered_in_other_words_has_the_same_fingerprint(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert order(**one).fingerprint == order(**other).fingerprint


@pytest.mark.parametrize(
    "fields",
    [
        *({"prompt": "a dear"}, {"model": "kling-v1"}, {"negative_prompt": "blur"}, {"duration": 5.5}),
        *({"aspect_ratio": "16:9"}, {"mode": "pro"}, {"cfg_scale": 0}, {"width": 64, "height": 64}),
        *({"image": "https://example.com/a.png"}, {"image_tail": "https://example.com/a.png"}, {"seed": 0}),
        *({"fps": 24}, {"n": 1}, {"response_format": "url"}, {"user": "me"}, {"conn_id": "kling_other"}),
        *({"metadata": {"style": None}}, {"extra": {"style": None}}),
    ],
    ids=str,
)
def test_anything_else_ordered_has_another_fingerprint(fields: dict[str, Any]) -> None:
    assert order(**fields).fingerprint != order().fingerprint


def test_names_are_the_same_in_another_process_and_do_not_show_the_prompt() -> None:
    program = (
        "from airflow_provider_kling.api.requests import Text2VideoRequest as R;"
        "from airflow_provider_kling.generations.identity import Order;"
        f"o = Order(R(prompt='a deer', extra={{'x': 1}}), 'kling_default', {ITEM!r});"
        "print(o.fingerprint, o.record_key, o.external_task_id(12))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    here = order(extra={"x": 1})

    assert said.split() == [here.fingerprint, here.record_key, here.external_task_id(12)]
    assert re.fullmatch(r"[0-9a-f]{32}", here.fingerprint)
    assert re.fullmatch(r"airflow-[0-9a-f]{40}-12", here.external_task_id(12))


@pytest.mark.parametrize("item", ["", "x" * 5000, "dag\nrun\ntask\nkey Ä 鹿 \x00 🦌/%"])
def test_our_id_is_one_that_kling_takes_whatever_the_item_is_called(item: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", order(item=item).external_task_id(999_999))


def test_names_do_not_depend_on_the_try_nor_on_what_the_user_chose() -> None:
    tried = replace(order(), clears=3, first_since_clear=True)
    chosen = replace(tried, on_rerun=OnRerun.REGENERATE, on_unknown_outcome=OnUnknownOutcome.RESUBMIT)

    assert chosen.external_task_id(1) == order().external_task_id(1)
    assert chosen.record_key == order().record_key


def test_names_differ_by_dag_run_task_map_index_key_request_and_take() -> None:
    items = ["d\nr\nt\n0", "e\nr\nt\n0", "d\ns\nt\n0", "d\nr\nu\n0", "d\nr\nt\n1", "d\nr\nt\nkey 0"]
    orders = [order(item=item, prompt=prompt) for item in items for prompt in ("a deer", "a fox")]
    own = [each.external_task_id(take) for each in orders for take in (1, 2)]

    assert len(set(own)) == len(own)
    assert len({each.record_key for each in orders}) == len(orders)
