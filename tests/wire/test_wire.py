"""Every answer that a server gave is read as its row says, and means for money what it should."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api.errors import KlingError, KlingOutcomeUnknownError
from airflow_provider_kling.api.reading import refusals
from tests.unit.api.conftest import value_or_error
from tests.wire.rows import Row, agrees, described, rows

ROWS = rows()
TELL_NEITHER = ("KlingServerError", "KlingUnreadableAnswerError")


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_an_answer_is_read_as_its_row_says(row: Row) -> None:
    outcome = value_or_error(row.question().read, row.answer)
    read = described(outcome, row.asked if row.call == "query" else None)
    assert agrees(read, row.read), (read, row.read)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if row.call == "submit"])
def test_an_answer_to_a_submission_says_made_or_not_made_or_that_it_is_unknown(row: Row) -> None:
    call = row.question()
    if "error" not in row.read:
        assert call.outcome(row.answer).task_id == row.read["task_id"]
        return
    with pytest.raises(KlingError) as caught:
        call.outcome(row.answer)
    unknown = row.read["error"] in TELL_NEITHER
    assert type(caught.value).__name__ == ("KlingOutcomeUnknownError" if unknown else row.read["error"])
    assert caught.value.gateway == "official"
    assert caught.value.code == row.read.get("code")
    assert caught.value.request_id == row.read.get("request_id")
    assert not (unknown and caught.value.retryable)
    assert isinstance(caught.value, KlingOutcomeUnknownError) is unknown


def test_every_code_and_word_and_status_of_the_tables_has_a_row() -> None:
    codes = {(row.read or {}).get("code") for row in ROWS}
    assert set(refusals.BY_NUMBER) <= codes
    assert set(refusals.BY_WORD) <= codes
    assert set(refusals.BY_STATUS) <= {row.status for row in ROWS}


def test_no_two_rows_have_the_same_name_or_say_the_same() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    said = [(row.call, str(row.asked), row.status, row.bytes, str(row.headers)) for row in ROWS]
    assert len(set(said)) == len(said)
