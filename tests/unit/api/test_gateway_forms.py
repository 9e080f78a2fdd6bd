"""Each form of an answer that a gateway is known to give, over a socket, read by either client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.api import retrying
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Generation
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.forms import DONE, FAILED, LINK, Form, Refused
from tests.unit.api.relay_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer

DEER = Text2VideoRequest(prompt="a deer")
PATHS = {"official": "/v1/videos/text2video"}
RETRYABLE = (KlingThrottledError, KlingServerError)


@pytest.fixture(autouse=True)
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "RETRY_SECONDS", 0.0)


def named(form: Form) -> str:
    return form.name


def question(form: Form, task_id: str = "asked-1") -> Call[Any]:
    gateway = GATEWAYS[form.gateway]
    return gateway.query_many([task_id]) if form.many else gateway.query(task_id)


def asked(form: Form, reader: Reader, endpoint: Endpoint, task_id: str = "asked-1") -> Generation:
    outcome = reader.perform(endpoint, question(form, task_id))
    task = outcome[task_id] if form.many else outcome
    assert isinstance(task, Generation)
    return task


@pytest.mark.parametrize("form", [form for form in FORMS if form.submitted], ids=named)
def test_the_answer_to_a_submission_gives_the_id_of_the_generation(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], form: Form
) -> None:
    assert form.submitted
    server.says((200, form.submitted.encode()))
    task = reader.perform(endpoint(server.url, form.gateway), GATEWAYS[form.gateway].submit(DEER))
    assert task == form.accepted
    (request,) = server.received
    assert (request.method, request.path) == ("POST", PATHS.get(form.gateway, "/kling/v1/videos/text2video"))


@pytest.mark.parametrize("form", FORMS, ids=named)
def test_each_status_word_is_one_of_our_four_states(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], form: Form
) -> None:
    task_id = "new-1" if form.many else "asked-1"
    read = {}
    for word in form.words:
        server.says((200, form.body(word).encode()))
        task = asked(form, reader, endpoint(server.url, form.gateway), task_id)
        read[word] = task.state
        assert bool(task.videos) is (task.state is DONE)
        assert task.failure is None or task.state is FAILED
        assert task.finished_at is None or task.state.ended
    assert read == form.words


@pytest.mark.parametrize("form", [form for form in FORMS if form.success], ids=named)
def test_a_success_tells_its_videos_and_its_times(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], form: Form
) -> None:
    assert form.success
    for word in [word for word, state in form.words.items() if state is DONE]:
        server.says((200, form.body(word).encode()))
        task = asked(form, reader, endpoint(server.url, form.gateway), form.success.task_id)
        assert task == form.success


@pytest.mark.parametrize("form", [form for form in FORMS if form.failure], ids=named)
def test_a_failure_tells_its_reason_in_the_gateways_words(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], form: Form
) -> None:
    assert form.failure
    for word in [word for word, state in form.words.items() if state is FAILED]:
        server.says((200, form.body(word).encode()))
        task = asked(form, reader, endpoint(server.url, form.gateway), form.failure.task_id)
        assert task == form.failure


REFUSALS = [
    pytest.param(form, refused, id=f"{form.name}, {refused.status} {refused.code} {refused.words[:24]}")
    for form in FORMS
    for refused in form.refusals
]


@pytest.mark.parametrize(("form", "refused"), REFUSALS)
def test_a_refusal_is_the_error_that_says_what_to_do(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    form: Form,
    refused: Refused,
) -> None:
    calls: list[tuple[Call[Any], type[KlingError], str | None]] = [
        (GATEWAYS[form.gateway].submit(DEER), refused.create, None),
        (question(form), refused.query, None if form.many else "asked-1"),
    ]
    for call, kind, task_id in calls:
        server.says((refused.status, refused.body.encode()))
        with pytest.raises(KlingError) as caught:
            reader.perform(endpoint(server.url, form.gateway), call)
        error = caught.value
        assert type(error) is kind
        assert (error.http_status, error.code) == (refused.status, refused.code)
        assert (error.request_id, error.task_id) == (refused.request_id, task_id)
        assert error.gateway == form.gateway
        assert error.retryable is (kind in RETRYABLE)
        assert refused.words in str(error)


NEW_API_FAILURE = (
    b'{"code":"success","message":"","data":{"task_id":"task_abc","action":"textGenerate",'
    b'"status":"FAILURE","fail_reason":"%REASON%","result_url":"%RESULT%","progress":"100%"}}'
)


@pytest.mark.parametrize(
    ("reason", "result", "failure"),
    [
        ("no luck", "no luck", "no luck"),
        ("no luck", "https://cdn.example.com/old.mp4", "no luck"),
        ("", "only here", None),
        ("", "https://cdn.example.com/old.mp4", None),
    ],
)
def test_the_result_url_of_a_failure_is_never_read(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    reason: str,
    result: str,
    failure: str | None,
) -> None:
    body = NEW_API_FAILURE.replace(b"%REASON%", reason.encode()).replace(b"%RESULT%", result.encode())
    server.says((200, body))
    task = reader.get_task(endpoint(server.url, "newapi"), "task_abc")
    assert (task.state, task.videos, task.failure) == (FAILED, (), failure)


KIE_SUCCESS = (
    b'{"code":200,"msg":"success","data":{"taskId":"kie-1","state":"success",'
    b'"resultJson":"{\\"resultUrls\\":[\\"https://cdn.example.com/deer.mp4\\"]}"}}'
)
FAL_SUCCESS = b'{"id":"q-1","status":"COMPLETED","response_url":"https://cdn.example.com/deer.json"}'


@pytest.mark.parametrize(("body", "task_id"), [(KIE_SUCCESS, "asked-1"), (FAL_SUCCESS, "q-1")])
def test_a_success_whose_link_is_where_nobody_looks_is_an_error_that_names_the_generation(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], body: bytes, task_id: str
) -> None:
    server.says((200, body))
    with pytest.raises(KlingResultMissingError, match="no link to a video") as caught:
        reader.get_task(endpoint(server.url, "newapi"), "asked-1")
    assert caught.value.task_id == task_id


def test_an_id_that_is_not_in_the_list_of_the_new_standard_is_not_found(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says((200, b'{"code":0,"message":"SUCCEED","request_id":"r-1","data":[]}'))
    outcomes = reader.perform(endpoint(server.url), GATEWAYS["official"].query_many(["a", "b"]))
    assert {task_id: type(outcome) for task_id, outcome in outcomes.items()} == {
        "a": KlingTaskNotFoundError,
        "b": KlingTaskNotFoundError,
    }
    assert server.received[0].path in ("/tasks?task_ids=a,b", "/tasks?task_ids=a%2Cb")


@pytest.mark.parametrize("gateway", [name for name in GATEWAYS if name != "official"])
def test_5001_from_a_relay_is_no_leave_to_submit_again(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], gateway: str
) -> None:
    server.says(
        (503, b'{"code":5001,"message":"outcome unknown, do not retry","request_id":"r-1","data":null}'),
        (200, b'{"task_id":"second","status":"queued"}'),
    )
    with pytest.raises(KlingOutcomeUnknownError, match="outcome unknown, do not retry"):
        reader.perform(endpoint(server.url, gateway), GATEWAYS[gateway].submit(DEER))
    assert len(server.received) == 1


def test_a_link_of_the_gateways_own_is_kept_as_it_is(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    own = LINK.replace("https://cdn.example.com", server.url)
    server.says(
        (200, f'{{"code":"success","data":{{"status":"SUCCESS","result_url":"{own}"}}}}'.encode()),
    )
    assert reader.get_task(endpoint(server.url, "newapi"), "t").videos[0].url == own
