from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from airflow_provider_kling.api.errors import KlingRequestError
from airflow_provider_kling.api.requests import Text2VideoRequest

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
GIF = base64.b64encode(b"GIF89a" + bytes(20)).decode()


def refused(**fields: Any) -> str:
    with pytest.raises(KlingRequestError) as caught:
        Text2VideoRequest.checked({"prompt": "a deer", **fields})
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "named", "shown", "remedy"),
    [
        ({"prompt": ""}, "prompt", "''", "say what the video should show"),
        ({"prompt": "  "}, "prompt", "'  '", "say what the video should show"),
        ({"prompt": ["a deer"]}, "prompt", "['a deer']", "must be text"),
        ({"prompt": "x" * 2501}, "prompt", "(2501 characters)", "2500 characters at most"),
        ({"negative_prompt": "x" * 2501}, "negative_prompt", "(2501 characters)", "2500 characters at most"),
        ({"model": {}}, "model", "{}", "must be text"),
        ({"duration": 0}, "duration", "=0 ", "must be a positive number of seconds"),
        ({"duration": -5}, "duration", "-5", "must be a positive number of seconds"),
        ({"duration": float("nan")}, "duration", "nan", "must be a positive number of seconds"),
        ({"duration": float("inf")}, "duration", "inf", "must be a positive number of seconds"),
        ({"duration": "nan"}, "duration", "'nan'", "must be a positive number of seconds"),
        ({"duration": "five"}, "duration", "'five'", "must be a number"),
        ({"duration": [5]}, "duration", "[5]", "must be a number"),
        ({"duration": True}, "duration", "True", "must be a number"),
        ({"cfg_scale": "much"}, "cfg_scale", "'much'", "must be a number"),
        ({"cfg_scale": False}, "cfg_scale", "False", "must be a number"),
        ({"n": 0}, "n", "=0 ", "1 at least"),
        ({"n": 1.5}, "n", "1.5", "must be a whole number"),
        ({"n": "two"}, "n", "'two'", "must be a whole number"),
        ({"n": True}, "n", "True", "must be a number"),
        ({"seed": "1.5"}, "seed", "'1.5'", "must be a whole number"),
        ({"seed": {}}, "seed", "{}", "must be a whole number"),
        ({"fps": 0}, "fps", "=0 ", "1 at least"),
        ({"width": 0, "height": 64}, "width", "=0 ", "1 at least"),
        ({"width": 64, "height": -1}, "height", "-1", "1 at least"),
        ({"aspect_ratio": "4:3"}, "aspect_ratio", "'4:3'", "use '16:9', '9:16' or '1:1'"),
        ({"mode": "fast"}, "mode", "'fast'", "use 'std', 'pro' or '4k'"),
        ({"metadata": "style"}, "metadata", "'style'", "must be a dictionary"),
        ({"extra": [1]}, "extra", "[1]", "must be a dictionary"),
        ({"metadata": {"when": object}}, "metadata", "object", "JSON"),
        ({"camera": "pan"}, "camera", "'pan'", "into extra"),
        ({"extra": {"mode": "pro"}}, "extra", "{'mode': 'pro'}", "names mode, which has an argument"),
        ({"extra": {"model_name": "x"}}, "extra", "'model_name'", "names model_name"),
        ({"image": [7]}, "image", "[7]", "must be text"),
        ({"image": "/data/first.png"}, "image", "'/data/first.png'", "give a link, or base64.b64encode"),
        ({"image": "deer"}, "image", "'deer'", "give a link, or base64.b64encode"),
        ({"image": "ftp://example.com/a.png"}, "image", "'ftp://", "give a link, or base64.b64encode"),
        ({"image": "https://"}, "image", "'https://'", "give a link, or base64.b64encode"),
        ({"image": GIF}, "image", GIF[:20], "of a JPEG or PNG file"),
        ({"image_tail": "tail.jpg"}, "image_tail", "'tail.jpg'", "give a link, or base64.b64encode"),
        ({"image_tail": f"data:image/png;base64,{PNG}"}, "image_tail", "'data:image", "prefix away"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named_with_its_field_and_the_remedy(
    fields: dict[str, Any], named: str, shown: str, remedy: str
) -> None:
    message = refused(**fields)
    assert re.search(rf" {named}[\w.]*=", message)
    assert shown in message
    assert remedy in message
    assert message.endswith("Nothing was submitted.")


@pytest.mark.parametrize(("given", "missing"), [("width", "height"), ("height", "width")])
def test_width_and_height_come_together_or_not_at_all(given: str, missing: str) -> None:
    message = refused(**{given: 640})
    assert f"{missing} is missing; width and height are given together" in message


@pytest.mark.parametrize("fields", [{}, {"prompt": None}], ids=["left out", "None"])
def test_a_missing_prompt_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(KlingRequestError, match="prompt is missing"):
        Text2VideoRequest.checked(fields)


def test_all_problems_are_named_in_one_error() -> None:
    message = refused(prompt="", duration="five", n=0, mode="fast", camera="pan")
    for name in ("prompt=''", "duration='five'", "n=0", "mode='fast'", "camera='pan'"):
        assert name in message


def test_a_long_value_is_shortened_in_the_error() -> None:
    message = refused(image="Zm9v" * 500_000)
    assert len(message) < 400
    assert "(2000000 characters)" in message


@pytest.mark.parametrize("length", [1, 2500])
def test_a_prompt_of_up_to_2500_characters_passes(length: int) -> None:
    assert len(Text2VideoRequest(prompt="ü" * length, negative_prompt="ü" * length).prompt) == length


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("duration", "5", 5.0),
        ("duration", " 7.5 ", 7.5),
        ("cfg_scale", "0.5", 0.5),
        ("width", "1280", 1280),
        ("height", "720", 720),
        ("fps", "30", 30),
        ("seed", "-1", -1),
        ("n", "2", 2),
    ],
)
def test_a_number_may_come_as_the_text_of_a_template(name: str, text: str, value: float) -> None:
    size = {"width": 1, "height": 1} if name in ("width", "height") else {}
    request = Text2VideoRequest.checked({"prompt": "a deer", **size, name: text})
    assert getattr(request, name) == value
    assert type(getattr(request, name)) is type(value)


@pytest.mark.parametrize("name", ["prompt", "model", "negative_prompt", "response_format", "user"])
def test_a_text_may_come_as_the_number_that_a_template_made_of_it(name: str) -> None:
    request = Text2VideoRequest.checked({"prompt": "a deer", name: 2026})
    assert getattr(request, name) == "2026"


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_an_empty_text_and_none_mean_not_given(nothing: str | None) -> None:
    fields = {name: nothing for name in Text2VideoRequest.model_fields if name != "prompt"}
    request = Text2VideoRequest.checked({"prompt": "a deer", **fields})
    assert request == Text2VideoRequest(prompt="a deer")
    assert request.model_fields_set == {"prompt"}


def test_the_defaults_are_those_that_the_pages_give() -> None:
    request = Text2VideoRequest(prompt="a deer")
    assert (request.model, request.duration) == ("kling-v3", 5.0)
    others = request.model_dump(exclude={"prompt", "model", "duration"})
    assert all(value in (None, {}) for value in others.values())


@pytest.mark.parametrize(
    "image",
    ["https://example.com/first.png?Signature=1", "http://example.com/a b.jpg", PNG, JPEG],
    ids=["https", "http", "png", "jpeg"],
)
@pytest.mark.parametrize("name", ["image", "image_tail"])
def test_a_link_and_the_base64_of_a_picture_pass(name: str, image: str) -> None:
    request = Text2VideoRequest.checked({"prompt": "a deer", name: image})
    assert getattr(request, name) == image


def test_spaces_around_a_text_are_taken_away() -> None:
    request = Text2VideoRequest.checked({"prompt": "\n a deer ", "model": " kling-v1 "})
    assert (request.prompt, request.model) == ("a deer", "kling-v1")


def test_a_request_cannot_be_changed_after_it_was_checked() -> None:
    request = Text2VideoRequest(prompt="a deer")
    with pytest.raises(ValueError, match="frozen"):
        request.prompt = "another deer"
