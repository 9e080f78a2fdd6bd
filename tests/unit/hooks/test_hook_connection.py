"""An Airflow connection, and the endpoint that it means."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_kling.api.endpoint import AccessKey, ApiKey
from airflow_provider_kling.api.errors import KlingConnectionConfigError
from airflow_provider_kling.hooks.connection import endpoint_of
from airflow_provider_kling.hooks.kling import KlingHook

KEY = "a-key-that-nobody-may-see"
ROWS = [json.loads(line) for line in Path(__file__).with_name("connections.jsonl").read_text().splitlines()]


def connection(**fields: Any) -> Connection:
    given = {"conn_id": "kling_test", "conn_type": "kling", "password": KEY, **fields}
    if isinstance(given.get("extra"), dict):
        given["extra"] = json.dumps(given["extra"])
    return Connection(**given)


@pytest.mark.parametrize("row", ROWS, ids=[str(row.get("uri", row.get("fields"))) for row in ROWS])
def test_a_connection_means_an_endpoint_or_says_why_it_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    if "uri" in row:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_TEST", row["uri"])
        given = KlingHook.get_connection("kling_test")
    else:
        given = connection(**row["fields"])
    if "refused" in row:
        with pytest.raises(KlingConnectionConfigError) as caught:
            endpoint_of(given)
        assert str(caught.value) == row["refused"]
        assert KEY not in "".join(traceback.format_exception(caught.value))
        return
    endpoint = endpoint_of(given)
    assert (endpoint.gateway and endpoint.gateway.name) == row["gateway"]
    assert (endpoint.base_url, endpoint.timeout) == (row["base_url"], row.get("timeout"))
    assert endpoint.credentials == (AccessKey(*row["pair"]) if "pair" in row else ApiKey(KEY))


@pytest.mark.parametrize("extra", ["{", "[1]", "5", '"gateway"', "null"])
def test_an_extra_that_is_no_json_object_is_refused(extra: str) -> None:
    stored: Any = SimpleNamespace(  # as some back ends store a connection, unchecked
        conn_id="kling_test", host="", schema="", login="", password=KEY, port=None, extra=extra
    )
    with pytest.raises(KlingConnectionConfigError, match="extra of connection 'kling_test' is not a JSON"):
        endpoint_of(stored)


def test_an_extra_that_nobody_knows_is_warned_of_by_name_and_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    extra = {"gatewy": KEY, "request_per_second": 5, "timeout": 3}
    assert endpoint_of(connection(extra=extra)).timeout == 3.0
    ours = [entry for entry in caplog.records if entry.name.startswith("airflow_provider_kling")]
    assert [entry.getMessage() for entry in ours] == [
        f"extra {name!r} of connection 'kling_test' is unknown and ignored; known: "
        "gateway, timeout, connect_timeout, requests_per_second, on_unknown_outcome"
        for name in ("gatewy", "request_per_second")
    ]
