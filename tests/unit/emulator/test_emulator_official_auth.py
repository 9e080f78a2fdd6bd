from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate

ACCESS_KEY = "access-key"
SECRET_KEY = "a secret key of more than thirty-two bytes"


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    return emulate(
        "official", access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_keys=("good-key", "wrong-key")
    )


def token(secret_key: str = SECRET_KEY, **claims: Any) -> str:
    now = int(time.time())
    claims = {"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret_key)


def answer_to(kling: Caller, authorization: str) -> requests.Response:
    url = f"{kling.emulator.url}{kling.path}"
    return requests.get(url, headers={"Authorization": authorization}, timeout=10)


def test_an_api_key_and_a_signed_token_are_both_good(kling: Caller) -> None:
    assert answer_to(kling, "Bearer good-key").status_code == 200
    assert answer_to(kling, f"Bearer {token()}").status_code == 200
    assert answer_to(kling, f"bearer {token(nbf=None)}").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", 1001),
        ("good-key", 1002),
        ("Bearer", 1002),
        ("Basic Z29vZC1rZXk6", 1002),
        ("Bearer a.b.c", 1002),
        ("Bearer other-key", 1000),
        ("Bearer wrong-key", 1000),
    ],
)
def test_a_header_without_a_good_key_is_refused_with_its_code(
    kling: Caller, authorization: str, code: int
) -> None:
    answer = answer_to(kling, authorization)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert kling.emulator.counters().polls == 0


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"nbf": 4_000_000_000, "exp": 4_000_001_800}, 1003),
        ({"exp": 1_000_000_000}, 1004),
        ({"iss": "somebody-else"}, 1000),
        ({"secret_key": "another secret key of more than thirty-two bytes"}, 1000),
        ({"exp": None}, 1002),
    ],
)
def test_a_token_that_is_not_good_is_refused_with_its_code(
    kling: Caller, claims: dict[str, Any], code: int
) -> None:
    answer = answer_to(kling, f"Bearer {token(**claims)}")
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_token_that_claims_to_need_no_signature_is_refused(kling: Caller) -> None:
    unsigned = jwt.encode({"iss": ACCESS_KEY, "exp": int(time.time()) + 1800}, "", algorithm="none")
    assert answer_to(kling, f"Bearer {unsigned}").json()["code"] == 1002


def test_without_an_access_key_a_token_is_a_key_like_any_other(emulate: Emulate) -> None:
    assert emulate("official", key=token(exp=1)).get("/v1/videos/text2video").status_code == 200


def test_without_api_keys_any_key_is_good_but_the_wrong_one(emulate: Emulate) -> None:
    assert emulate("official", key="whatever").get("/v1/videos/text2video").status_code == 200
    assert emulate("official", key="wrong-key").get("/v1/videos/text2video").status_code == 401
