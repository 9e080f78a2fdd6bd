"""What a model is not known to do is said before it is paid for; only a strict request stops at it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.errors import KlingRequestError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.models import MODELS, remarks_on
from airflow_provider_kling.api.requests import Text2VideoRequest

VOICE = [{"voice_id": "v-1"}]
CAMERA = {"type": "down_back"}
SECONDS_OF_V3 = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"

FINE: list[tuple[str, dict[str, Any]]] = [
    ("kling-v1", {}),
    ("kling-v1", {"duration": "5", "mode": "std", "cfg_scale": 0.5, "sound": "off"}),
    ("kling-v1", {"duration": "10", "mode": "pro"}),
    ("kling-v1", {"duration": "5", "camera_control": CAMERA}),
    ("kling-v1", {"duration": "5", "mode": "std", "camera_control": CAMERA}),
    ("kling-v1", {"multi_shot": False}),
    ("kling-v1", {"mode": None, "voice_list": None, "camera_control": None, "multi_shot": None}),
    ("kling-v2-master", {"duration": "10", "sound": "off"}),
    ("kling-v2-master", {"mode": None, "cfg_scale": None}),
    ("kling-v2-5-turbo", {"duration": "10", "mode": "pro"}),
    ("kling-v2-6", {"duration": "5", "mode": "std"}),
    ("kling-v2-6", {"duration": "5", "mode": "pro", "sound": "on", "voice_list": VOICE}),
    *(("kling-v3", {"duration": str(seconds)}) for seconds in range(3, 16)),
    *(("kling-v3", {"mode": mode, "sound": "on"}) for mode in ("std", "pro", "4k")),
    ("kling-v3", {"sound": "on", "voice_list": VOICE, "multi_shot": True, "cfg_scale": 0.5}),
    ("kling-v3", {"shot_type": "intelligence", "watermark_info": {"enabled": True}}),
    ("kling-v4", {"duration": "30", "mode": "8k", "sound": "on", "camera_control": CAMERA}),
    ("someone-elses-model", {"duration": "99", "cfg_scale": 7, "multi_shot": True}),
    ("", {"duration": "99"}),
    ("KLING-V1", {"duration": "99"}),
]
ODD: list[tuple[str, dict[str, Any], str, str]] = [
    ("kling-v1", {"duration": "7"}, "duration='7'", "5, 10 s"),
    ("kling-v1", {"mode": "4k"}, "mode='4k'", "std, pro"),
    ("kling-v1", {"sound": "on"}, "sound='on'", "no sound"),
    ("kling-v1", {"voice_list": VOICE, "sound": "off"}, "voice_list=", "no voices"),
    ("kling-v1", {"multi_shot": True}, "multi_shot=True", "only kling-v3"),
    ("kling-v1", {"duration": "10", "camera_control": CAMERA}, "camera_control=", "in mode std, for 5 s"),
    ("kling-v1", {"duration": "5", "mode": "pro", "camera_control": CAMERA}, "camera_control=", "mode std"),
    ("kling-v2-master", {"mode": "std"}, "mode='std'", "no modes; leave it out"),
    ("kling-v2-master", {"cfg_scale": 0.5}, "cfg_scale=0.5", "does not take it"),
    ("kling-v2-master", {"duration": "15"}, "duration='15'", "5, 10 s"),
    ("kling-v2-5-turbo", {"cfg_scale": 0.5}, "cfg_scale=0.5", "does not take it"),
    ("kling-v2-5-turbo", {"mode": "4k"}, "mode='4k'", "std, pro"),
    ("kling-v2-5-turbo", {"sound": "on", "mode": "pro"}, "sound='on'", "no sound"),
    ("kling-v2-5-turbo", {"duration": "5", "camera_control": CAMERA}, "camera_control=", "only kling-v1"),
    ("kling-v2-6", {"sound": "on"}, "sound='on'", "in mode pro"),
    ("kling-v2-6", {"sound": "on", "mode": "std"}, "sound='on'", "in mode pro"),
    ("kling-v2-6", {"voice_list": VOICE}, "voice_list=", "sound='on' only"),
    ("kling-v2-6", {"multi_shot": True}, "multi_shot=True", "only kling-v3"),
    ("kling-v2-6", {"mode": "4k"}, "mode='4k'", "std, pro"),
    ("kling-v3", {"duration": "2"}, "duration='2'", SECONDS_OF_V3),
    ("kling-v3", {"duration": "16"}, "duration='16'", SECONDS_OF_V3),
    ("kling-v3", {"duration": "7.5"}, "duration='7.5'", SECONDS_OF_V3),
    ("kling-v3", {"duration": "5", "camera_control": CAMERA}, "camera_control=", "only kling-v1"),
    ("kling-v3", {"voice_list": VOICE}, "voice_list=", "sound='on' only"),
    ("kling-v1-6", {}, "", "retired since 2026-09-15"),
    ("kling-v2-1-master", {}, "", "retired since 2026-09-15"),
    ("kling-video-o1", {}, "", "not known to make videos from text alone"),
    ("kling-v3-omni", {}, "", "not known to make videos from text alone"),
]
SEVERAL: list[tuple[str, dict[str, Any], set[str]]] = [
    ("kling-v1-5", {"duration": "5"}, {"from text alone", "retired"}),
    ("kling-v2-1", {"mode": "std"}, {"from text alone", "retired"}),
    ("kling-v1-6", {"mode": "4k", "duration": "3"}, {"retired", "mode='4k'", "duration='3'"}),
    (
        "kling-v2-1-master",
        {"mode": "pro", "cfg_scale": 1, "sound": "on", "duration": "7", "multi_shot": True},
        {"retired", "mode='pro'", "cfg_scale=1", "sound='on'", "duration='7'", "multi_shot=True"},
    ),
]


@pytest.mark.parametrize(("model", "fields"), FINE)
def test_what_a_model_is_known_to_do_and_all_of_an_unknown_model_are_not_remarked_on(
    model: str, fields: dict[str, Any]
) -> None:
    assert remarks_on(model, fields) == []


@pytest.mark.parametrize(("model", "fields", "field", "allowed"), ODD)
def test_a_remark_names_the_model_the_field_and_what_is_allowed(
    model: str, fields: dict[str, Any], field: str, allowed: str
) -> None:
    (remark,) = remarks_on(model, fields)
    assert f"model={model!r}" in remark
    assert remark.startswith(field)
    assert allowed in remark


@pytest.mark.parametrize(("model", "fields", "words"), SEVERAL)
def test_each_thing_that_does_not_suit_a_model_is_a_remark_of_its_own(
    model: str, fields: dict[str, Any], words: set[str]
) -> None:
    remarks = remarks_on(model, fields)
    assert len(remarks) == len(words)
    for word in words:
        assert len([remark for remark in remarks if word in remark]) == 1


def test_every_model_of_the_code_has_a_row_here() -> None:
    rows = {*(row[0] for row in FINE), *(row[0] for row in ODD), *(row[0] for row in SEVERAL)}
    assert set(MODELS) <= rows


@pytest.mark.parametrize("odd", [None, 5, "", [], {}, ["on"], {"a": 1}, True], ids=str)
@pytest.mark.parametrize("model", ["kling-v1", "kling-v2-6", "kling-v3", "kling-v2-master"])
def test_values_of_an_odd_type_are_remarked_on_or_not_and_nothing_worse(model: str, odd: object) -> None:
    fields = ("sound", "voice_list", "camera_control", "multi_shot")
    request = Text2VideoRequest.checked(
        {"prompt": "a deer", "model": model, "extra": dict.fromkeys(fields, odd)}
    )
    for gateway in GATEWAYS.values():
        assert all("does not suit model" in remark for remark in gateway.remarks(request))


ODD_REQUEST: dict[str, Any] = {
    "prompt": "a deer",
    "model": "kling-v2-master",
    "mode": "std",
    "duration": 7,
    "extra": {"sound": "on"},
}
LEFT_OUT: dict[str, Any] = {
    "prompt": "a deer",
    "seed": 7,
    "user": "me",
    "image_tail": "https://example.com/a.png",
}


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("strict", [False, "false", None])
def test_a_remark_is_a_warning_and_the_request_can_be_sent(
    caplog: pytest.LogCaptureFixture, strict: object
) -> None:
    body = GATEWAYS["official"].submit(Text2VideoRequest.checked({**ODD_REQUEST, "strict": strict})).json
    said = warnings_in(caplog)
    assert len(said) == 3
    for field in ("mode='std'", "duration='7'", "sound='on'"):
        assert len([warning for warning in said if warning.startswith(field)]) == 1
    assert body is not None
    assert (body["mode"], body["duration"], body["sound"]) == ("std", "7", "on")


@pytest.mark.parametrize("strict", [True, "true"])
def test_a_strict_request_with_remarks_is_refused_with_all_of_them(
    caplog: pytest.LogCaptureFixture, strict: object
) -> None:
    with pytest.raises(KlingRequestError) as caught:
        GATEWAYS["official"].submit(Text2VideoRequest.checked({**ODD_REQUEST, "strict": strict}))
    for part in (
        "strict",
        "kling-v2-master",
        "mode='std'",
        "duration='7'",
        "sound='on'",
        "leave it out",
        "5, 10 s",
    ):
        assert part in str(caught.value)
    assert str(caught.value).endswith("Nothing was submitted.")
    assert warnings_in(caplog) == []


@pytest.mark.parametrize(
    ("gateway", "left_out"),
    [
        ("official", ["image_tail", "seed", "user"]),
        ("ezmodel", ["seed", "user"]),
        ("newapi", ["image_tail", "seed", "user"]),
        ("crazyrouter", ["image_tail", "seed", "user"]),
        ("envelope", ["image_tail", "seed", "user"]),
    ],
)
def test_a_strict_request_with_fields_that_a_gateway_leaves_out_is_refused(
    gateway: str, left_out: list[str]
) -> None:
    with pytest.raises(KlingRequestError) as caught:
        GATEWAYS[gateway].submit(Text2VideoRequest.checked({**LEFT_OUT, "strict": True}))
    for name in left_out:
        assert f"{name} is left out: the {gateway} gateway does not take it" in str(caught.value)
    assert str(caught.value).count("is left out") == len(left_out)


@pytest.mark.parametrize(
    ("gateway", "fields"),
    [
        ("elkapi", LEFT_OUT),
        ("official", {"prompt": "a deer"}),
        ("official", {"prompt": "a deer", "model": "kling-v9", "duration": 99, "mode": "4k"}),
        ("ezmodel", {"prompt": "a deer", "model": "kling-v2-6", "mode": "pro", "extra": {"sound": "on"}}),
        ("newapi", {"prompt": "a deer", "metadata": {"style": "film"}}),
    ],
)
def test_a_strict_request_without_remarks_can_be_sent(
    caplog: pytest.LogCaptureFixture, gateway: str, fields: dict[str, Any]
) -> None:
    assert GATEWAYS[gateway].submit(Text2VideoRequest.checked({**fields, "strict": True})).creates
    assert warnings_in(caplog) == []
