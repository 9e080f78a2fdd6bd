"""An Airflow connection, and the endpoint that it means."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_kling.api.endpoint import AccessKey, ApiKey
from airflow_provider_kling.api.errors import KlingConnectionConfigError, KlingError
from airflow_provider_kling.hooks.connection import EXAMPLE_URI, endpoint_of
from airflow_provider_kling.hooks.kling import KlingHook

KEY = "a-key-that-nobody-may-see"


def of_uri(uri: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_TEST", uri)
    connection: Connection = KlingHook.get_connection("kling_test")
    return connection


def connection(**fields: Any) -> Connection:
    given = {"conn_id": "kling_test", "conn_type": "kling", "password": KEY, **fields}
    if isinstance(given.get("extra"), dict):
        given["extra"] = json.dumps(given["extra"])
    return Connection(**given)


@pytest.mark.parametrize(
    ("uri", "gateway", "base_url", "timeout"),
    [
        (EXAMPLE_URI.replace("API_KEY", KEY), "ezmodel", "https://api.ezmodel.cloud", None),
        (f"kling://:{KEY}@api.elkapi.com", "elkapi", "https://api.elkapi.com", None),
        (f"kling://:{KEY}@127.0.0.1:8765/http", None, "http://127.0.0.1:8765", None),
        (f"kling://:{KEY}@relay.example.com:8443", None, "https://relay.example.com:8443", None),
        (f"kling://:{KEY}@", "official", "https://api-singapore.klingai.com", None),
        (f"kling://:{KEY}@127.0.0.1:1/http?gateway=elkapi", "elkapi", "http://127.0.0.1:1", None),
        (f"kling://:{KEY}@api.ezmodel.cloud?gateway=auto", "ezmodel", "https://api.ezmodel.cloud", None),
        (f"kling://:{KEY}@api.ezmodel.cloud?timeout=7.5", "ezmodel", "https://api.ezmodel.cloud", 7.5),
        (f"kling://:{KEY}@api.ezmodel.cloud?timeout=", "ezmodel", "https://api.ezmodel.cloud", None),
    ],
)
def test_a_uri_means_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, uri: str, gateway: str | None, base_url: str, timeout: float | None
) -> None:
    endpoint = endpoint_of(of_uri(uri, monkeypatch))
    assert (endpoint.gateway and endpoint.gateway.name) == gateway
    assert (endpoint.base_url, endpoint.timeout) == (base_url, timeout)
    assert endpoint.credentials == ApiKey(KEY)


@pytest.mark.parametrize(
    ("fields", "gateway", "base_url"),
    [
        ({}, "official", "https://api-singapore.klingai.com"),
        ({"host": ""}, "official", "https://api-singapore.klingai.com"),
        ({"host": "https://api.ezmodel.cloud/"}, "ezmodel", "https://api.ezmodel.cloud"),
        ({"host": "http://127.0.0.1", "port": 8765}, None, "http://127.0.0.1:8765"),
        ({"host": "http://127.0.0.1", "schema": "https"}, None, "http://127.0.0.1"),
        ({"host": "api.elkapi.com", "schema": ""}, "elkapi", "https://api.elkapi.com"),
        ({"host": "api.elkapi.com", "extra": {"gateway": "official"}}, "official", "https://api.elkapi.com"),
        ({"host": "api.elkapi.com", "extra": {"gateway": None}}, "elkapi", "https://api.elkapi.com"),
        ({"host": "api.elkapi.com", "extra": {"gateway": ""}}, "elkapi", "https://api.elkapi.com"),
        ({"host": "api.elkapi.com:443"}, "elkapi", "https://api.elkapi.com:443"),
    ],
    ids=str,
)
def test_the_fields_of_a_connection_make_the_address_and_the_gateway(
    fields: dict[str, Any], gateway: str | None, base_url: str
) -> None:
    endpoint = endpoint_of(connection(**fields))
    assert (endpoint.gateway and endpoint.gateway.name) == gateway
    assert endpoint.base_url == base_url


@pytest.mark.parametrize("host", ["", "api-singapore.klingai.com", "127.0.0.1"])
def test_a_login_makes_a_pair_of_keys_on_klings_own_api(host: str) -> None:
    endpoint = endpoint_of(connection(host=host, login="access", password="secret"))
    assert endpoint.credentials == AccessKey("access", "secret")
    assert endpoint.gateway is not None
    assert endpoint.gateway.name == "official"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": None}, "has no key; put the API key into its password"),
        ({"password": ""}, "has no key; put the API key into its password"),
        ({"password": None, "login": "access"}, "has no key"),
        ({"login": "x", "host": "api.ezmodel.cloud"}, "the ezmodel gateway takes an API key alone"),
        ({"login": "x", "extra": {"gateway": "elkapi"}}, "the elkapi gateway takes an API key alone"),
        ({"schema": "ftp"}, "schema='ftp' of connection 'kling_test' is unknown"),
        ({"host": "ftp://api.elkapi.com"}, "schema='ftp'"),
        ({"login": "x", "extra": {"gateway": "newapi"}}, "the newapi gateway takes an API key alone"),
        ({"extra": {"gateway": "new-api"}}, "gateway='new-api' in the connection's extra is unknown"),
        ({"extra": {"gateway": 5}}, "gateway='5'"),
        ({"extra": {"timeout": 0}}, "timeout=0 in the extra of connection 'kling_test'"),
        ({"extra": {"timeout": -1}}, "timeout=-1"),
        ({"extra": {"timeout": "soon"}}, "timeout='soon'"),
        ({"extra": {"timeout": "nan"}}, "timeout='nan'"),
        ({"extra": {"timeout": "inf"}}, "timeout='inf'"),
        ({"extra": {"timeout": True}}, "timeout=True"),
        ({"extra": {"timeout": [5]}}, "timeout=[5]"),
        ({"extra": {"connect_timeout": 0}}, "connect_timeout=0 in the extra of connection 'kling_test'"),
    ],
    ids=str,
)
def test_a_connection_that_cannot_be_used_says_why_and_that_nothing_was_sent(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(KlingConnectionConfigError) as caught:
        endpoint_of(connection(**fields))
    assert words in str(caught.value)
    assert str(caught.value).endswith("Nothing was sent.")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("extra", ["{", "[1]", "5", '"gateway"', "null"])
def test_an_extra_that_is_no_json_object_is_refused(extra: str) -> None:
    class Stored:
        """A connection as some back ends store it, unchecked."""

        conn_id, host, schema, login, password, port = "kling_test", "", "", "", KEY, None

        def __init__(self) -> None:
            self.extra = extra

    with pytest.raises(KlingConnectionConfigError, match="extra of connection 'kling_test' is not a JSON"):
        endpoint_of(Stored())  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f"{KEY}\r\nX: y", f"{KEY}\u2192", f"two words {KEY}\n"], ids=ascii
)
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(KlingError) as caught:
        endpoint_of(connection(password=key, host="127.0.0.1"))
    assert isinstance(caught.value, KlingConnectionConfigError)
    assert KEY not in "".join(traceback.format_exception(caught.value))
