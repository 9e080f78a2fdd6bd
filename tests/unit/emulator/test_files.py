"""The videos and the links that lead to them."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import av
import pytest
import requests

from tests.unit.emulator.dialects import HALF, Caller, Emulate, seen, url_of


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=30)


def images_of(video: bytes) -> list[bytes]:
    with av.open(io.BytesIO(video), "r") as container:
        frames = container.decode(video=0)
        return [frame.to_image().tobytes() for frame in frames]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("gateway", "fields", "size", "seconds", "fps"),
    [
        ("official", {"duration": "10", "aspect_ratio": "1:1"}, (960, 960), 10, 24),
        ("ezmodel", {"duration": "5", "aspect_ratio": "9:16"}, (720, 1280), 5, 24),
        ("elkapi", {"duration": 3, "width": 333, "height": 201, "fps": 30}, (332, 200), 3, 30),
        ("elkapi", {"duration": 15, "width": 16, "height": 16, "fps": 1}, (16, 16), 15, 1),
        ("newapi", {"aspect_ratio": "16:9"}, (960, 960), 5, 24),  # which does not reach Kling
    ],
)
def test_a_video_is_an_h264_mp4_of_the_length_and_size_asked_for(
    emulate: Emulate, gateway: str, fields: dict[str, Any], size: tuple[int, int], seconds: int, fps: int
) -> None:
    answer = get(emulate(gateway).video_url(**fields))

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    video = answer.content
    assert int(answer.headers["Content-Length"]) == len(video)
    with av.open(io.BytesIO(video), "r") as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == size
        assert stream.average_rate == fps
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(seconds, abs=0.1)
        assert stream.frames == seconds * fps
    assert video.index(b"moov") < video.index(b"mdat"), "the index comes first, for the web"


def test_the_duration_that_kling_reports_is_that_asked_for(kling: Caller) -> None:
    (video,) = kling.report(kling.created(duration="10"))["task_result"]["videos"]

    assert float(video["duration"]) == pytest.approx(10, abs=0.05)


def test_the_picture_tells_the_prompt_and_the_passing_of_time(elkapi: Caller) -> None:
    deer, fox = (
        images_of(get(elkapi.video_url(prompt=prompt, width=320, height=240)).content)
        for prompt in ("a deer", "a fox")
    )

    assert deer[0] != fox[0]
    assert deer[0] != deer[-1]
    # In the middle of the lowest row, where the bar passes half-way through.
    below = (240 * 320 - 160) * 3
    assert deer[0][below] < 100
    assert deer[-1][below] > 200


def test_any_prompt_can_be_drawn(elkapi: Caller) -> None:
    for prompt in ("鹿が森を走る 🦌", "x" * 3000, "two\nlines\tand a tab", "\x00", "\ud800"):
        assert images_of(get(elkapi.video_url(prompt=prompt)).content)


def test_cut_stops_the_first_transfer_half_way_and_cut_always_every_one(elkapi: Caller) -> None:
    cut, cut_always = elkapi.video_url(prompt="a deer [cut]"), elkapi.video_url(prompt="a deer [cut-always]")
    # Looking at the headers is no transfer.
    assert int(requests.head(cut, timeout=30).headers["Content-Length"]) > 0

    for url in (cut, cut_always, cut_always):
        assert seen(partial(get, url)) == HALF
    assert get(cut).status_code == 200
    assert elkapi.emulator.counters().downloads == 4


def test_a_part_of_the_file_can_be_asked_for(elkapi: Caller) -> None:
    url = elkapi.video_url()
    whole = get(url).content

    part = get(url, Range="bytes=10-19")

    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert get(url, Range=f"bytes={len(whole)}-").status_code == 416


def test_a_file_is_refused_to_a_key_and_without_the_signature_given_for_it(elkapi: Caller) -> None:
    first, second = elkapi.video_url(), elkapi.video_url()
    bare, query = first.split("?")
    other = second.split("?")[1]

    assert elkapi.session.get(first, timeout=30).status_code == 403
    for wrong in ("", other, query.replace("Expires=", "Expires=9"), f"{query}x", f"{query}é"):
        assert get(f"{bare}?{wrong}").status_code == 403
    assert get(first).status_code == 200
    assert elkapi.emulator.counters().downloads == 1


def test_a_video_is_rendered_once_however_many_ask_for_it_at_once(kling: Caller) -> None:
    url = kling.video_url()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(get, [url] * 4))

    assert len({answer.headers["ETag"] for answer in answers}) == 1


def test_queries_are_answered_while_a_video_is_rendered(elkapi: Caller) -> None:
    url = elkapi.video_url(width=1280, height=720, duration=5, fps=30)
    answered = 0

    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(requests.head, url, timeout=60)
        while not download.done():
            elkapi.query("unknown")
            answered += 1

    assert download.result().status_code == 200
    assert answered > 2


def test_links_name_the_host_that_the_caller_reached(elkapi: Caller) -> None:
    elkapi.session.headers["Host"] = "kling.test:1234"

    assert elkapi.video_url().startswith("http://kling.test:1234/files/")


def seconds_left(url: str) -> float:
    return float(parse_qs(urlsplit(url).query)["Expires"][0]) - time.time()


def test_a_link_is_good_for_so_long_after_the_query_that_gave_it_out(emulate: Emulate) -> None:
    expired = emulate("elkapi", link_seconds=0).video_url()
    elkapi = emulate("elkapi", link_seconds=600)
    task_id = elkapi.created()
    first = url_of(elkapi.report(task_id))
    time.sleep(0.01)
    fresh = url_of(elkapi.report(task_id))

    assert seconds_left(first) == pytest.approx(600, abs=60)
    assert seconds_left(fresh) > seconds_left(first)
    assert [get(url).status_code for url in (expired, first, fresh)] == [403, 200, 200]


def test_without_a_setting_a_link_is_good_for_thirty_days_from_the_end_of_its_task(elkapi: Caller) -> None:
    assert seconds_left(elkapi.video_url()) == pytest.approx(30 * 24 * 3600, abs=60)


def test_a_proxied_link_wants_the_relay_s_key_and_gives_the_file_and_parts_of_it(emulate: Emulate) -> None:
    relay = emulate("newapi", proxied_links=True)
    url = relay.video_url()
    assert url.startswith(relay.emulator.url)
    relay.emulator.plan(on="file", fault="error-before")

    assert get(url).status_code == 401
    assert relay.session.get(url, timeout=30).json()["code"] == "get_task_failed"
    answer = relay.session.get(url, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    assert answer.content[4:8] == b"ftyp"
    part = relay.session.get(url, headers={"Range": "bytes=4-7"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert relay.session.head(url, timeout=30).status_code == 200
    counters = relay.emulator.counters()
    assert (counters.downloads, counters.polls) == (2, 1)
