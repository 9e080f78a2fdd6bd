from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kling.api.endpoint import retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 13:00:30 +0100", 30.0),
        ("Thu, 01 Jan 2026 12:00:30 -0000", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        (" ", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Thu, 99 Foo 2026", None),
        ("Thu, 01 Jan 99999999 12:00:30 GMT", None),
        ("Thu, 01 Jan 2026 12:00:30 +99999999999999999999", None),
    ],
)
def test_retry_after_counts_seconds_or_names_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def test_a_throttled_question_is_asked_again_when_the_gateway_wants_it(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 3.0)
    server.says(
        (429, {"code": 1302, "message": "slow"}, {"Retry-After": "1"}),
        (200, {"task_status": "processing"}),
    )
    started = time.monotonic()
    reader.get_task(endpoint(server.url), "t")
    assert time.monotonic() - started >= 1
    assert len(server.received) == 2
