"""One request through every personality of the emulator, and keys that are wrong in every way."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api import auth
from airflow_provider_kling.api import endpoint as sending
from airflow_provider_kling.api.auth import AccessKey, ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.errors import KlingAuthError, KlingClockError, KlingUnsupportedError
from airflow_provider_kling.api.gateways import GATEWAYS, Ability
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.api.media.download import download
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.hooks.connection import endpoint_of
from airflow_provider_kling.hooks.kling import KlingHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.api.conftest import Reader

# What the emulator can be, and as what a connection names it.
PERSONALITIES = (
    ("official", "official"),
    ("ezmodel", "ezmodel"),
    ("elkapi", "elkapi"),
    ("newapi", "newapi"),
    ("newapi-old", "newapi"),
    ("ezmodel-code", "newapi"),
    ("ezmodel-code", "ezmodel"),
    ("crazyrouter", "crazyrouter"),
    ("envelope", "envelope"),
)
DEER = Text2VideoRequest(prompt="a deer", model="kling-v3", duration=3, mode="pro", aspect_ratio="9:16")
each_personality = pytest.mark.parametrize(
    ("personality", "gateway"), PERSONALITIES, ids=[f"{name} as {gateway}" for name, gateway in PERSONALITIES]
)


def ended(reader: Reader, endpoint: Endpoint, request: Text2VideoRequest) -> Generation:
    assert endpoint.gateway is not None
    task = reader.perform(endpoint, endpoint.gateway.submit(request))
    assert task.state is GenerationState.SUBMITTED
    return reader.wait_for_task(endpoint, task.task_id, poll_interval=0.02, deadline=time.time() + 20)


def alike(task: Generation) -> Generation:
    """The task without what only some gateways tell: ids, times, prices, and where the file is."""
    assert len(task.videos) == 1
    assert task.videos[0].url.startswith("http://127.0.0.1:")
    return replace(
        task,
        task_id="",
        videos=(Video("http://somewhere"),),
        units=None,
        created_at=None,
        finished_at=None,
        request_id=None,
    )


@each_personality
def test_one_request_ends_as_the_same_task_at_every_gateway(
    reader: Reader, endpoint: Callable[..., Endpoint], personality: str, gateway: str
) -> None:
    with KlingEmulator(gateway=personality, seconds_per_video=0.1, status_age_seconds=0) as emulator:
        task = ended(reader, endpoint(emulator.url, gateway, ApiKey("any-key")), DEER)

    assert alike(task) == Generation(
        "", "text2video", GenerationState.SUCCEEDED, (Video("http://somewhere"),)
    )


@each_personality
def test_every_gateway_makes_the_shape_that_was_asked_for(
    endpoint: Callable[..., Endpoint], personality: str, gateway: str
) -> None:
    with KlingEmulator(gateway=personality, seconds_per_video=0, status_age_seconds=0) as emulator:
        there = endpoint(emulator.url, gateway, ApiKey("any-key"))
        with KlingClient(there) as client:
            task = client.get_task(client.submit(DEER).task_id)
        file = download(task.videos[0], io.BytesIO(), there)

    assert (file.width, file.height) == (720, 1280)
    assert file.duration == pytest.approx(3.0, abs=0.1)


@each_personality
def test_a_failure_keeps_its_reason_at_every_gateway(
    reader: Reader, endpoint: Callable[..., Endpoint], personality: str, gateway: str
) -> None:
    request = DEER.model_copy(update={"prompt": "a deer [moderation]"})
    with KlingEmulator(gateway=personality, seconds_per_video=0.1, status_age_seconds=0) as emulator:
        task = ended(reader, endpoint(emulator.url, gateway, ApiKey("any-key")), request)

    assert task.state is GenerationState.FAILED
    assert task.videos == ()
    assert task.failure == "Failure to pass the risk control system"


@pytest.mark.parametrize(
    ("personality", "recognised"),
    [
        ("official", "official"),
        ("newapi", "newapi"),
        ("newapi-old", "newapi"),
        ("ezmodel-code", "newapi"),
        ("envelope", "envelope"),
    ],
)
def test_auto_recognises_a_gateway_whose_host_says_nothing(personality: str, recognised: str) -> None:
    with KlingEmulator(gateway=personality, seconds_per_video=0, status_age_seconds=0) as emulator:
        with KlingClient(Endpoint(None, emulator.url, ApiKey("any-key"))) as client:
            task = client.get_task(client.submit(DEER).task_id)
            assert client.gateway().name == recognised
        assert task.state is GenerationState.SUCCEEDED
        assert emulator.counters().creates_received == 1


def test_a_relays_own_link_is_opened_with_the_key_and_no_other_is(
    endpoint: Callable[..., Endpoint],
) -> None:
    with KlingEmulator(
        gateway="newapi", seconds_per_video=0, status_age_seconds=0, proxied_links=True
    ) as emulator:
        there = endpoint(emulator.url, "newapi", ApiKey("any-key"))
        with KlingClient(there) as client:
            (video,) = client.get_task(client.submit(DEER).task_id).videos
        assert download(video, io.BytesIO(), there).height == 1280


def test_an_expired_link_is_replaced_by_asking_again(endpoint: Callable[..., Endpoint]) -> None:
    with KlingEmulator(seconds_per_video=0, link_seconds=0.3) as emulator:
        there = endpoint(emulator.url, "official", ApiKey("any-key"))
        with KlingClient(there) as client:
            task_id = client.submit(DEER).task_id
            (old,) = client.get_task(task_id).videos
            time.sleep(0.5)
            with pytest.raises(Exception, match="The video's link was refused") as refused:
                download(old, io.BytesIO(), there)
            (fresh,) = client.get_task(task_id).videos
        assert refused.value.http_status == 403  # type: ignore[attr-defined]
        assert download(fresh, io.BytesIO(), there).height == 1280


# Keys that are wrong


SECRET = "a-secret-of-thirty-two-characters"


def emulator_with_pair(seconds_per_video: float = 0.0) -> KlingEmulator:
    return KlingEmulator(
        seconds_per_video=seconds_per_video, api_keys=("other",), access_key="access", secret_key=SECRET
    )


def with_pair(emulator: KlingEmulator) -> Endpoint:
    return Endpoint(GATEWAYS["official"], emulator.url, AccessKey("access", SECRET), 5.0)


def test_a_token_that_expires_in_mid_wait_is_never_seen_by_the_gateway(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "JWT_LIFETIME_SECONDS", 1)
    with emulator_with_pair(seconds_per_video=2.5) as emulator:
        task = ended(reader, with_pair(emulator), DEER)

    assert task.state is GenerationState.SUCCEEDED


def test_a_token_that_the_gateway_finds_expired_is_signed_anew_once(reader: Reader) -> None:
    with emulator_with_pair() as emulator:
        there = with_pair(emulator)
        task_id = reader.perform(there, GATEWAYS["official"].submit(DEER)).task_id
        body = {"code": 1004, "message": "Authorization has expired", "request_id": "r-1"}
        emulator.plan(on="query", fault="answer", times=1, status=401, body=body)
        assert reader.get_task(there, task_id).state is GenerationState.SUCCEEDED


@pytest.mark.parametrize(("hours", "words"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_an_hour_off_is_named(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, hours: int, words: str
) -> None:
    def encode(claims: dict[str, Any], *arguments: Any, **options: Any) -> str:
        shifted = {name: claims[name] + 3600 * hours for name in ("exp", "nbf")}
        return unshifted(claims | shifted, *arguments, **options)

    unshifted = jwt.encode
    monkeypatch.setattr(jwt, "encode", encode)
    monkeypatch.setattr(sending, "_now", lambda: datetime.now(UTC) + timedelta(hours=hours))
    with emulator_with_pair() as emulator:
        there = with_pair(emulator)
        with pytest.raises(KlingClockError) as caught:
            reader.perform(there, GATEWAYS["official"].submit(DEER))

    assert caught.value.code in (1003, 1004)
    told = re.search(rf"this machine's clock is (\d+) s {words} the gateway's", str(caught.value))
    assert told is not None
    assert int(told[1]) == pytest.approx(3600, abs=5)
    assert "Set the clock of this machine" in str(caught.value)
    assert emulator.counters().creates_received == 0


def test_an_access_key_on_an_api_that_refuses_it_says_so(reader: Reader) -> None:
    with emulator_with_pair() as emulator:
        there = with_pair(emulator)
        assert not there.can(GATEWAYS["official"], Ability.QUERY_MANY)
        with pytest.raises(KlingAuthError, match="The current API does not support AK/SK"):
            reader.perform(there, GATEWAYS["official"].query_many(["1"]))


def test_many_are_asked_for_one_by_one_with_an_access_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator_with_pair() as emulator:
        monkeypatch.setenv(
            "AIRFLOW_CONN_KLING_DEFAULT",
            f"kling://access:{SECRET}@127.0.0.1:{emulator.port}/http",
        )
        hook = KlingHook()
        made = [hook.submit(DEER).task_id for _ in range(2)]
        polls = emulator.counters().polls
        outcomes = hook.get_tasks(made)
        assert list(outcomes) == made
        assert emulator.counters().polls == polls + 2


@pytest.mark.parametrize("gateway", [name for name in GATEWAYS if name != "official"])
def test_what_a_gateway_cannot_do_is_an_error_before_anything_is_sent(
    endpoint: Callable[..., Endpoint], gateway: str
) -> None:
    with KlingEmulator(gateway=gateway) as emulator:
        with KlingClient(endpoint(emulator.url, gateway, ApiKey("any-key"))) as client:
            for ask in (
                lambda: client.find_task("nightly-1"),
                lambda: client.get_tasks(["1"]),
                client.list_tasks,
                client.account,
                lambda: client.submit(DEER, "nightly-1"),
            ):
                with pytest.raises(KlingUnsupportedError, match=f"The {gateway} gateway cannot "):
                    ask()
        assert emulator.counters().connections == 0


def test_a_key_of_the_other_region_is_refused_with_a_hint_at_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        KlingEmulator(api_keys=("key-of-singapore",)) as singapore,
        KlingEmulator(api_keys=("key-of-beijing",)) as beijing,
    ):
        with KlingClient(Endpoint(GATEWAYS["official"], beijing.url, ApiKey("key-of-beijing"))) as client:
            assert client.account().remaining > 0
        uri = singapore.connection_uri.replace("key-of-singapore", "key-of-beijing")
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
        with pytest.raises(KlingAuthError, match="keys for Singapore and Beijing are not the same"):
            KlingHook().submit(DEER)
        good, message = KlingHook().test_connection()
        assert not good
        assert "Singapore and Beijing" in message
        assert endpoint_of(KlingHook.get_connection("kling_default")).base_url == singapore.url
        assert singapore.counters().creates_received == 0
