"""A video's bytes, from its link to a sink."""

from __future__ import annotations

import hashlib
import io
import logging
import traceback
from collections.abc import Callable, Iterator

import av
import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import ApiKey, Endpoint
from airflow_provider_kling.api.errors import KlingMediaError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Video
from airflow_provider_kling.api.media.download import download
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import ScriptedServer, endpoint_at

SIGNATURE = "Expires=1&Signature=nobody-may-see"
OWN = "v1/videos/t/content"
ELSEWHERE = Endpoint(GATEWAYS["newapi"], "https://relay.example.com", ApiKey("relay-key"))


@pytest.fixture(scope="module")
def emulator() -> Iterator[KlingEmulator]:
    with KlingEmulator(gateway="elkapi", seconds_per_video=0) as started:
        yield started


@pytest.fixture
def video_of(emulator: KlingEmulator) -> Callable[[str], Video]:
    """Make a small video, and ask for its link."""

    def make(prompt: str) -> Video:
        request = Text2VideoRequest(prompt=prompt, width=96, height=64, fps=12, duration=3)
        with KlingClient(endpoint_at(emulator.url, "elkapi")) as client:
            task = client.perform(client.gateway().submit(request))
            (video,) = client.perform(client.gateway().query(task.task_id)).videos
        return video

    return make


def refused(video: Video, gateway: Endpoint = ELSEWHERE) -> KlingMediaError:
    with pytest.raises(KlingMediaError) as caught:
        download(video, io.BytesIO(), gateway)
    return caught.value


def test_a_whole_file_is_described_as_pyav_describes_it(video_of: Callable[[str], Video]) -> None:
    sink = io.BytesIO()
    file = download(video_of("a deer"), sink, ELSEWHERE)
    content = sink.getvalue()
    with av.open(io.BytesIO(content), "r") as container:
        picture = container.streams.video[0]
        assert container.duration is not None
        seconds = container.duration / 1_000_000
        assert len(list(container.decode(picture))) == 36
    assert file.duration == pytest.approx(seconds, abs=0.001)
    assert (file.width, file.height) == (picture.width, picture.height) == (96, 64)
    assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_file_that_is_cut_on_its_way_is_refused_and_can_be_had_whole_after_that(
    video_of: Callable[[str], Video],
) -> None:
    video = video_of("a deer [cut]")
    error = refused(video)
    assert error.retryable
    assert "Nothing was published" in str(error)
    assert download(video, io.BytesIO(), ELSEWHERE).duration == pytest.approx(3.0, abs=0.1)


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize(
    ("path", "statuses", "with_key"),
    [
        ("a.mp4", [302, 200], [False, False]),
        ("a.mp4", [401], [False]),
        ("a.mp4", [403], [False]),
        (OWN, [401, 200], [False, True]),
        (OWN, [401, 302, 200], [False, True, False]),
    ],
)
def test_the_key_is_sent_where_a_link_of_the_gateways_own_wants_it_and_never_to_another_host(
    server: ScriptedServer, path: str, statuses: list[int], with_key: list[bool]
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.says(*((status, b"", {"Location": f"{elsewhere}/b.mp4"}) for status in statuses))
    there = endpoint_at(server.url, "newapi") if path == OWN else ELSEWHERE
    error = refused(Video(f"{server.url}/{path}"), there)
    assert error.http_status in (None, statuses[-1])
    assert ["Authorization" in request.headers for request in server.received] == with_key


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((200, b"<html><h1>Welcome</h1></html>"), "is not an MP4", id="HTML"),
        pytest.param((200, b""), "ftyp is missing", id="nothing"),
        pytest.param((200, b"\0\0\0\x08ftyp"), "moov is missing", id="a beginning alone"),
        pytest.param((200, b"\0\0\0\x08ftyp", {"Content-Length": "100"}), "broke off after", id="cut"),
        pytest.param((404, b"<html>"), "The video's link was refused.", id="404"),
        pytest.param((206, b"\0\0\0\x08ftyp"), "was refused", id="a part"),
        pytest.param("hang up", "broke off after 0 bytes", id="hung up"),
    ],
)
def test_what_is_no_whole_video_is_refused_without_showing_its_signature(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, answer: object, words: str
) -> None:
    caplog.set_level(logging.INFO)
    server.says(answer)
    error = refused(Video(f"{server.url}/a.mp4?{SIGNATURE}"))
    assert words in str(error)
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert "nobody-may-see" not in shown


@pytest.mark.parametrize(
    "url", ["https://", "http://[::1", "http://a..b/a.mp4", "http://.", "http://127.0.0.1:1/a"]
)
def test_a_link_that_leads_nowhere_is_a_kling_error(url: str) -> None:
    error = refused(Video(f"{url}?{SIGNATURE}"))
    assert "nobody-may-see" not in "".join(traceback.format_exception(error)) + repr(error)


def test_the_link_is_asked_for_as_it_stands(server: ScriptedServer) -> None:
    server.says((200, b""))
    path = "/a%2Fb.mp4?Signature=a%2Bb%3D%3D&x=a+b"
    refused(Video(server.url + path))
    assert server.received[0].path == path
    assert server.received[0].headers["Accept-Encoding"] == "identity"
