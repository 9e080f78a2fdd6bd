"""Which key goes where, and what is never shown."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.endpoint import AccessKey, ApiKey, Credentials
from airflow_provider_kling.api.errors import KlingAuthError, KlingError
from airflow_provider_kling.api.gateways import GATEWAYS, Ability
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retry
from tests.unit.api.conftest import Client, Connect, ScriptedServer, data_rows, endpoint_at, outcome_of

KEY = "an-api-key-that-nobody-may-see"
SECRET_KEY = "a-secret-key-that-nobody-may-see"
ACCESS_KEY = "an-access-key"
KLING = GATEWAYS["official"]
QUERY = KLING.query("t")
SUBMIT = KLING.submit(Text2VideoRequest(prompt="a deer"))
PROCESSING = (200, {"code": 0, "data": {"task_id": "t", "task_status": "processing"}})
CREDENTIALS = [ApiKey(KEY), AccessKey(ACCESS_KEY, SECRET_KEY)]
EACH_CALL = pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])


@pytest.fixture
def ask(connect: Connect, server: ScriptedServer) -> Iterator[Client]:
    with connect(endpoint_at(server.url, credentials=ApiKey(KEY))) as client:
        yield client


@EACH_CALL
@pytest.mark.usefixtures("netrc")
def test_an_api_key_is_sent_as_it_is_and_a_netrc_entry_does_not_take_its_place_nor_on_a_redirect(
    ask: Client, server: ScriptedServer, call: Any
) -> None:
    server.says((302, b"", {"Location": "/elsewhere"}), PROCESSING)
    outcome_of(ask, call)  # whether a redirect is followed at all is another matter
    assert {request.headers["Authorization"] for request in server.received} == {f"Bearer {KEY}"}


def test_a_token_is_signed_anew_for_each_request_even_for_a_repeated_one(
    connect: Connect, server: ScriptedServer
) -> None:
    instants = iter(range(1_800_000_000, 1_800_010_000, 1000))
    pair = AccessKey(ACCESS_KEY, SECRET_KEY, clock=lambda: next(instants) + 0.9)
    server.says((502, b""), PROCESSING)
    with connect(endpoint_at(server.url, credentials=pair)) as client:
        client.perform(QUERY)
    claims = [
        jwt.decode(
            request.headers["Authorization"].removeprefix("Bearer "),
            SECRET_KEY,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_nbf": False},
        )
        for request in server.received
    ]
    assert claims == [
        {"iss": ACCESS_KEY, "exp": instant + 1800, "nbf": instant - 5}
        for instant in (1_800_000_000, 1_800_001_000)
    ]


def test_kling_takes_the_token_of_its_pair_of_keys_but_not_for_its_new_standard(connect: Connect) -> None:
    with KlingEmulator(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_keys=["other"]) as emulator:
        there = endpoint_at(emulator.url, credentials=AccessKey(ACCESS_KEY, SECRET_KEY))
        with connect(there) as client:
            task_id = client.perform(SUBMIT).task_id
            assert client.perform(KLING.query(task_id)).state is not GenerationState.FAILED
            with pytest.raises(KlingAuthError, match="The current API does not support AK/SK"):
                client.perform(KLING.query_many([task_id]))
    assert not there.can(KLING, Ability.QUERY_MANY)
    assert there.can(KLING, Ability.FIND)
    assert endpoint_at("http://127.0.0.1").can(KLING, Ability.QUERY_MANY)
    assert not endpoint_at("http://127.0.0.1").can(GATEWAYS["newapi"], Ability.FIND)


def test_a_redirect_to_another_server_does_not_take_the_key(ask: Client, server: ScriptedServer) -> None:
    with KlingEmulator() as elsewhere:
        server.says((302, b"", {"Location": f"{elsewhere.url}/v1/videos/text2video/t"}))
        assert isinstance(outcome_of(ask, QUERY), KlingError)
        assert server.received
        assert elsewhere.counters().polls == 0  # only what comes with a key is counted


def assert_no_secret(shown: str) -> None:
    for secret in (KEY, SECRET_KEY, "nobody-may-see", "eyJ", "Signature="):
        assert secret not in shown


@EACH_CALL
@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["key", "pair"])
@pytest.mark.parametrize("row", data_rows("echoes"))
def test_no_error_and_no_log_shows_a_secret(
    connect: Connect,
    server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
    row: dict[str, Any],
    credentials: Any,
    call: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.says(row["answer"])
    with connect(endpoint_at(server.url, credentials=credentials)) as client:
        error = outcome_of(client, call, Retry.NEVER)
    assert isinstance(error, KlingError)
    chain = "".join(traceback.format_exception(error))
    assert_no_secret("\n".join([str(error), repr(error), repr(error.args), chain, caplog.text]))


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["key", "pair"])
def test_credentials_do_not_show_themselves(credentials: Credentials) -> None:
    there = endpoint_at("http://127.0.0.1:1", credentials=credentials)
    assert_no_secret(repr(credentials) + str(credentials) + repr(there))
    assert credentials.hide(f"x {KEY} {SECRET_KEY}") != f"x {KEY} {SECRET_KEY}"
