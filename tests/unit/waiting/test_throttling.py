from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_kling.api.errors import KlingThrottledError
from airflow_provider_kling.waiting.throttling import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WaitForRoom

REFUSED = KlingThrottledError(
    "The gateway refused: parallel task over resource pack limit.",
    code=1303,
    http_status=429,
    request_id="r-1",
    gateway="official",
)


def test_the_waiting_begins_with_the_first_refusal_and_counts_them_all() -> None:
    before = time.time()
    first = WaitForRoom.after_refusal(None)
    assert before <= first.since <= time.time()
    assert first.tries == 1

    assert WaitForRoom.after_refusal(WaitForRoom(100.0, 7, 200.0)) == WaitForRoom(100.0, 8, 200.0)


def test_what_the_trigger_says_is_what_it_was_told() -> None:
    assert WaitForRoom.from_event({"since": 100.5, "tries": 3, "deadline": 200.5}) == WaitForRoom(
        100.5, 3, 200.5
    )


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"since": 1.0},
        {"tries": 1},
        {"since": None, "tries": 1, "deadline": 2.0},
        {"since": 1.0, "tries": 1},
    ],
)
def test_an_event_that_cannot_be_read_is_a_defect_and_says_what_came(event: dict[str, Any] | None) -> None:
    with pytest.raises(RuntimeError, match="The trigger's event cannot be read: "):
        WaitForRoom.from_event(event)


@pytest.mark.parametrize("tries", [1, 2, 3, 4, 5, 6, 50, 100_000])
def test_the_pauses_of_a_worker_grow_twofold_up_to_a_minute(tries: int) -> None:
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 50), LONGEST_PAUSE_SECONDS)
    pauses = [WaitForRoom(0.0, tries).pause() for _ in range(100)]

    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(set(pauses)) > 90  # so that those who wait do not come back together


def test_the_error_that_ends_it_says_that_nothing_was_made_and_for_how_long_was_waited() -> None:
    over = WaitForRoom(time.time() - 100, 9).over(REFUSED)

    assert isinstance(over, KlingThrottledError)
    assert REFUSED.message in over.message
    assert "There was no room at the account for 100 seconds" in over.message
    assert "(9 submissions were refused, nothing was made)" in over.message
    facts = (over.code, over.http_status, over.request_id, over.gateway)
    assert facts == (1303, 429, "r-1", "official")
