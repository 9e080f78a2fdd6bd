from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import av
import pytest
import requests

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate


@pytest.fixture
def elkapi(emulate: Emulate) -> Caller:
    return emulate("elkapi")


def video_of(caller: Caller, **fields: Any) -> bytes:
    answer = requests.get(caller.video_url(caller.created(**fields)), timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "video/mp4"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    return answer.content


def images_of(video: bytes) -> list[bytes]:
    with av.open(io.BytesIO(video), "r") as container:
        frames = container.decode(video=0)
        return [frame.to_image().tobytes() for frame in frames]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("gateway", "fields", "size", "seconds", "fps"),
    [
        ("official", {"duration": "5"}, (1280, 720), 5, 24),
        ("official", {"duration": "10", "aspect_ratio": "1:1"}, (960, 960), 10, 24),
        ("ezmodel", {"duration": "5", "aspect_ratio": "9:16"}, (720, 1280), 5, 24),
        ("elkapi", {"duration": 3, "width": 333, "height": 201, "fps": 30}, (332, 200), 3, 30),
        ("elkapi", {"duration": 15, "width": 16, "height": 16, "fps": 1}, (16, 16), 15, 1),
    ],
)
def test_a_video_is_an_h264_mp4_of_the_length_and_size_asked_for(
    emulate: Emulate, gateway: str, fields: dict[str, Any], size: tuple[int, int], seconds: int, fps: int
) -> None:
    video = video_of(emulate(gateway), **fields)
    with av.open(io.BytesIO(video), "r") as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == size
        assert stream.average_rate == fps
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(seconds, abs=0.1)
        assert len(list(container.decode(stream))) == seconds * fps
    assert video.index(b"moov") < video.index(b"mdat"), "the index comes first, for the web"


def test_the_duration_that_kling_reports_is_that_of_the_file(emulate: Emulate) -> None:
    caller = emulate("official")
    task_id = caller.created()
    reported = caller.report(task_id)["task_result"]["videos"][0]["duration"]
    assert "." in reported
    with av.open(io.BytesIO(requests.get(caller.video_url(task_id), timeout=30).content), "r") as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(float(reported), abs=0.05)


def test_the_picture_tells_the_prompt_and_the_passing_of_time(elkapi: Caller) -> None:
    deer = images_of(video_of(elkapi, prompt="a deer", width=320, height=240))
    fox = images_of(video_of(elkapi, prompt="a fox", width=320, height=240))
    assert deer[0] != fox[0]
    assert deer[0] != deer[-1]
    # In the middle of the lowest row, where the bar passes half-way through.
    below = (240 * 320 - 160) * 3
    assert deer[0][below] < 100
    assert deer[-1][below] > 200


def test_any_prompt_can_be_drawn(elkapi: Caller) -> None:
    for prompt in ("鹿が森を走る 🦌", "x" * 3000, "two\nlines\tand a tab", "\x00", "\ud800"):
        assert images_of(video_of(elkapi, prompt=prompt))


def test_a_part_of_the_file_can_be_asked_for(elkapi: Caller) -> None:
    url = elkapi.video_url(elkapi.created())
    whole = requests.get(url, timeout=10).content
    part = requests.get(url, headers={"Range": "bytes=10-19"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    beyond = requests.get(url, headers={"Range": f"bytes={len(whole)}-"}, timeout=10)
    assert beyond.status_code == 416


def test_a_file_is_refused_to_whoever_sends_a_key(elkapi: Caller) -> None:
    url = elkapi.video_url(elkapi.created())
    assert elkapi.session.get(url, timeout=10).status_code == 403
    assert requests.get(url, timeout=10).status_code == 200
    assert elkapi.emulator.counters().downloads == 1


def test_a_file_is_refused_without_the_signature_given_for_it(elkapi: Caller) -> None:
    first, second = (elkapi.video_url(elkapi.created()) for _ in range(2))
    bare, query = first.split("?")
    for url in (
        bare,
        f"{bare}?{second.split('?')[1]}",
        f"{bare}?{query.replace('Expires=', 'Expires=9')}",
        f"{bare}?{query}x",
        f"{bare}?{query}é",
    ):
        assert requests.get(url, timeout=10).status_code == 403


def test_a_video_is_rendered_once_however_many_ask_for_it_at_once(emulate: Emulate) -> None:
    caller = emulate("official")
    url = caller.video_url(caller.created())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: requests.get(url, timeout=30), range(4)))
    assert len({answer.headers["ETag"] for answer in answers}) == 1


def test_queries_are_answered_while_a_video_is_rendered(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    big = {"width": 1280, "height": 720, "duration": 10, "fps": 60}
    task_id = caller.created(**big)
    url = caller.video_url(task_id)
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(requests.head, url, timeout=30)
        answered = 0
        while not download.done():
            caller.query(task_id)
            answered += 1
    assert download.result().status_code == 200
    assert answered > 5


def test_links_name_the_host_that_the_caller_reached(elkapi: Caller) -> None:
    elkapi.session.headers["Host"] = "kling.test:1234"
    assert elkapi.video_url(elkapi.created()).startswith("http://kling.test:1234/files/")
