"""The pure half of "never pay twice": what a request is, what it is called, and what a record is worth."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.generations.submissions import (
    Adopt,
    Asked,
    Look,
    Looked,
    OnRerun,
    OnUnknownOutcome,
    Record,
    Stop,
    Submit,
    Wait,
    choice_of,
    fingerprint,
    read_record,
    step_by_record,
    step_by_search,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUEST = "f" * 32
ASKED = Asked(item="dag\nrun\ntask\n-1", fingerprint=REQUEST)
NOW = 1_790_000_000.0


def of(conn_id: str = "kling_default", **fields: Any) -> str:
    return fingerprint(Text2VideoRequest.checked({"prompt": "a deer", **fields}), conn_id)


# What is asked for


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": 5},
        {"duration": "5.0"},
        {"prompt": " a deer\n"},
        {"model": "kling-v3"},
        {"mode": None},
        {"mode": ""},
        {"metadata": {}},
    ],
    ids=str,
)
def test_the_same_asked_for_in_other_words_has_the_same_fingerprint(fields: dict[str, Any]) -> None:
    assert of(**fields) == of()


def test_the_order_of_keys_does_not_make_another_request() -> None:
    assert of(metadata={"a": 1, "b": {"c": 2, "d": 3}}) == of(metadata={"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a dear"},
        {"model": "kling-v1"},
        {"negative_prompt": "blur"},
        {"duration": 5.5},
        {"aspect_ratio": "16:9"},
        {"mode": "pro"},
        {"cfg_scale": 0},
        {"image": "https://example.com/a.png"},
        {"image_tail": "https://example.com/a.png"},
        {"width": 64, "height": 64},
        {"fps": 24},
        {"seed": 0},
        {"n": 1},
        {"response_format": "url"},
        {"user": "me"},
        {"metadata": {"style": None}},
        {"extra": {"style": None}},
        {"conn_id": "kling_other"},
    ],
    ids=str,
)
def test_anything_else_asked_for_has_another_fingerprint(fields: dict[str, Any]) -> None:
    assert of(**fields) != of()


def said_by_another_process(expression: str) -> str:
    program = (
        "from airflow_provider_kling.api.requests import Text2VideoRequest as R;"
        "from airflow_provider_kling.generations.submissions import Asked, fingerprint;"
        f"print({expression})"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_fingerprint_is_the_same_in_another_process_and_does_not_show_the_prompt() -> None:
    other = said_by_another_process("fingerprint(R(prompt='a deer', extra={'x': 1}), 'kling_default')")

    assert other == of(extra={"x": 1})
    assert len(of()) == 32
    assert set(of()) <= set("0123456789abcdef")


# Our own id of a generation


def test_our_id_is_one_that_kling_takes_and_is_the_same_in_another_process() -> None:
    own = ASKED.external_task_id(12)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", own)
    assert own == said_by_another_process(f"Asked({ASKED.item!r}, {REQUEST!r}).external_task_id(12)")


@pytest.mark.parametrize("item", ["", "x" * 5000, "dag\nrun\ntask\nkey Ä 鹿 \x00 🦌/%"])
def test_our_id_fits_whatever_the_item_is_called(item: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", replace(ASKED, item=item).external_task_id(999_999))


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, clears=3, first_since_clear=True),
        replace(ASKED, on_rerun=OnRerun.REGENERATE),
        replace(ASKED, on_unknown_outcome=OnUnknownOutcome.RESUBMIT),
    ],
)
def test_our_id_does_not_depend_on_the_try(other: Asked) -> None:
    assert other.external_task_id(1) == ASKED.external_task_id(1)


def test_our_id_differs_by_dag_run_task_map_index_key_request_and_generation() -> None:
    items = ["d\nr\nt\n0", "e\nr\nt\n0", "d\ns\nt\n0", "d\nr\nu\n0", "d\nr\nt\n1", "d\nr\nt\nkey 0"]
    own = [
        Asked(item, request).external_task_id(generation)
        for item in items
        for request in (REQUEST, "0" * 32)
        for generation in (1, 2)
    ]

    assert len(set(own)) == len(own)


# What an earlier try left


@pytest.mark.parametrize("stored", [None, "t-1", 5, True, [], ["t-1", REQUEST], {}, {"kling_task_id": "t-1"}])
def test_what_is_no_record_at_all_is_none(stored: object) -> None:
    assert read_record(stored) is None


@pytest.mark.parametrize("of_whom", [None, 5, ["f"], {"f": 1}])
def test_a_record_that_does_not_say_of_what_is_none(of_whom: object) -> None:
    assert read_record({"fingerprint": of_whom, "kling_task_id": "t-1"}) is None


@pytest.mark.parametrize(
    "record",
    [
        Record(REQUEST),
        Record(REQUEST, 2, NOW, "t-2", failed=True),
        Record(REQUEST, 3, NOW, "t-3", delivered_in=0),
        Record(REQUEST, 4, NOW, stopped_in=2),
    ],
)
def test_a_record_survives_as_plain_json(record: Record) -> None:
    assert read_record(json.loads(json.dumps(record.as_json()))) == record


def test_a_record_of_version_0_1_0_is_adopted_without_knowing_since_when() -> None:
    older = read_record({"fingerprint": REQUEST, "kling_task_id": "t-1"})

    assert step_by_record(older, ASKED, NOW) == Adopt("t-1", 1, None)


def test_an_intent_of_version_0_1_0_still_stops_the_next_try() -> None:
    older = read_record({"fingerprint": REQUEST, "kling_task_id": None})

    assert step_by_record(older, ASKED, NOW) == Stop(Record(REQUEST))


def test_fields_of_a_newer_version_are_overlooked() -> None:
    newer = read_record({"fingerprint": REQUEST, "kling_task_id": "t-1", "newer": {"field": 1}})

    assert step_by_record(newer, ASKED, NOW) == Adopt("t-1", 1, None)


@pytest.mark.parametrize("value", [None, "", "text", 5, -1.5, True, [], {"a": 1}], ids=repr)
@pytest.mark.parametrize(
    "field", ["generation", "sent_at", "kling_task_id", "failed", "delivered_in", "stopped_in"]
)
@pytest.mark.parametrize("known_id", ["t-1", None])
def test_a_field_of_the_wrong_type_never_crashes_the_decision(
    known_id: str | None, field: str, value: object
) -> None:
    stored = {**Record(REQUEST, 2, NOW, known_id).as_json(), field: value}

    for rerun in OnRerun:
        for unknown in OnUnknownOutcome:
            asked = replace(ASKED, clears=1, on_rerun=rerun, on_unknown_outcome=unknown)
            step = step_by_record(read_record(stored), asked, NOW)
            if isinstance(step, Adopt):
                assert isinstance(step.kling_task_id, str)
                assert step.kling_task_id
            if isinstance(step, Submit):
                assert isinstance(step.generation, int)


# What can be chosen


def test_a_choice_is_known_by_its_word() -> None:
    assert [choice_of(OnRerun, "on_rerun", word) for word in ("reuse", "regenerate")] == list(OnRerun)


@pytest.mark.parametrize("value", ["Reuse", "stop", "", " reuse"])
def test_an_unknown_choice_is_named_with_what_there_is(value: str) -> None:
    with pytest.raises(ValueError, match=f"on_rerun={value!r} is unknown; use reuse or regenerate"):
        choice_of(OnRerun, "on_rerun", value)


# The decisions, as tables. A row is a rule: words for what there is, and the step. Each combination of
# words has to be in one row and in no other.

ANY = None
DAY = 24 * 60 * 60.0
FRESH, OLD = NOW - 29 * DAY, NOW - 31 * DAY

Words = tuple[str, ...]


def rule_for(case: Words, rules: Sequence[tuple[tuple[str | None, ...], Any]]) -> Any:
    """The step of the one row whose columns, words split by spaces, have the words of the case."""
    steps = [
        step
        for columns, step in rules
        if all(column is ANY or word in column.split() for word, column in zip(case, columns, strict=True))
    ]
    assert len(steps) == 1, f"{case} is in {len(steps)} rows"
    return steps[0]


AGES = {"fresh": FRESH, "old": OLD, "undated": 0.0}
STOP_WITH_THE_RECORD = object()
RECORD_RULES: list[tuple[tuple[str | None, ...], Any]] = [
    # what is on record, its age, on_rerun, on_unknown_outcome
    (("nothing", ANY, ANY, ANY), Submit(1)),
    (("another-request", ANY, ANY, ANY), Submit(4)),
    (("failed", ANY, ANY, ANY), Submit(4)),
    # Whether there is a generation is not known: it is said, and who clears the task then, knows it.
    (("intent", ANY, ANY, "stop"), STOP_WITH_THE_RECORD),
    (("intent-told-since-the-clear", ANY, ANY, "stop"), STOP_WITH_THE_RECORD),
    (("intent intent-told-since-the-clear", ANY, ANY, "resubmit"), Submit(4)),
    (("intent-told-before-the-clear", ANY, ANY, ANY), Submit(4)),
    # There is one: it is taken over while its file is there, unless a clear asks for another one.
    (("made delivered-since-the-clear delivered-before-the-clear", "old", ANY, ANY), Submit(4)),
    (("made delivered-since-the-clear", "fresh", ANY, ANY), Adopt("t-3", 3, FRESH)),
    (("made delivered-since-the-clear", "undated", ANY, ANY), Adopt("t-3", 3, None)),
    (("delivered-before-the-clear", "fresh", "reuse", ANY), Adopt("t-3", 3, FRESH)),
    (("delivered-before-the-clear", "undated", "reuse", ANY), Adopt("t-3", 3, None)),
    (("delivered-before-the-clear", "fresh undated", "regenerate", ANY), Submit(4)),
]


def on_record(clears: int) -> Iterator[tuple[str, Record | None]]:
    """Each thing that can be on record for a try after so many tries before the last clear; 0 is no clear."""
    made = Record(REQUEST, 3, kling_task_id="t-3")
    intent = Record(REQUEST, 3)
    yield "nothing", None
    for record in (intent, made):
        yield "failed", replace(record, failed=True)
        yield "failed", replace(record, failed=True, delivered_in=0, stopped_in=0)
        for failed, last in product((False, True), (None, *range(clears + 1))):
            other = replace(record, fingerprint="other", failed=failed, delivered_in=last, stopped_in=last)
            yield "another-request", other
    yield "intent", intent
    yield "intent", replace(intent, delivered_in=0)
    yield "intent-told-since-the-clear", replace(intent, stopped_in=clears)
    yield "made", made
    yield "made", replace(made, stopped_in=0)
    yield "delivered-since-the-clear", replace(made, delivered_in=clears)
    for earlier in range(clears):
        yield "intent-told-before-the-clear", replace(intent, stopped_in=earlier)
        yield "delivered-before-the-clear", replace(made, delivered_in=earlier)


@pytest.mark.parametrize("on_unknown_outcome", OnUnknownOutcome)
@pytest.mark.parametrize("on_rerun", OnRerun)
@pytest.mark.parametrize("age", AGES)
def test_every_record_leads_to_the_step_of_the_table(
    age: str, on_rerun: OnRerun, on_unknown_outcome: OnUnknownOutcome
) -> None:
    for clears, first in ((0, False), (1, False), (1, True), (3, False), (3, True)):
        asked = Asked(
            "item",
            REQUEST,
            clears=clears,
            first_since_clear=first,
            on_rerun=on_rerun,
            on_unknown_outcome=on_unknown_outcome,
        )
        for what, record in on_record(clears):
            dated = replace(record, sent_at=AGES[age]) if record else None
            expected = rule_for((what, age, on_rerun.value, on_unknown_outcome.value), RECORD_RULES)
            if expected is STOP_WITH_THE_RECORD:
                assert dated is not None
                expected = Stop(dated)
            assert step_by_record(dated, asked, NOW) == expected, (what, clears, first)


def at(instant: float | None) -> datetime | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC)


def seen(state: GenerationState, created: float | None = None, finished: float | None = None) -> Generation:
    return Generation("t-3", "text2video", state, created_at=at(created), finished_at=at(finished))


FOUND: dict[str, Generation | None] = {
    "absent": None,
    "queued": seen(GenerationState.SUBMITTED, FRESH),
    "running": seen(GenerationState.PROCESSING, FRESH),
    "running-for-long": seen(GenerationState.PROCESSING, OLD),
    "running-undated": seen(GenerationState.PROCESSING),
    "failed": seen(GenerationState.FAILED, FRESH, FRESH),
    "failed-undated": seen(GenerationState.FAILED),
    "good": seen(GenerationState.SUCCEEDED, FRESH, FRESH),
    "good-of-long-ago": seen(GenerationState.SUCCEEDED, OLD, FRESH),  # and finished lately
    "good-of-unknown-end": seen(GenerationState.SUCCEEDED, FRESH),
    "good-undated": seen(GenerationState.SUCCEEDED),
    "gone": seen(GenerationState.SUCCEEDED, OLD, OLD),
    "gone-of-unknown-end": seen(GenerationState.SUCCEEDED, OLD),
}
GOOD = Generation("t-2", "text2video", GenerationState.SUCCEEDED, created_at=at(FRESH), finished_at=at(FRESH))
EARLIER: dict[str, tuple[int, Generation] | None] = {"none": None, "earlier-good": (2, GOOD)}
# What is known of the deliveries of this task: what a try left, and where the try stands.
DELIVERIES: dict[str, tuple[Record | None, Asked]] = {
    # Without records, a first try after a clear is taken for one that comes after a success.
    "unkept-never-cleared": (None, replace(ASKED, kept=False)),
    "unkept-first-since-clear": (None, replace(ASKED, kept=False, clears=2, first_since_clear=True)),
    "unkept-later": (None, replace(ASKED, kept=False, clears=2)),
    "none": (None, replace(ASKED, clears=2, first_since_clear=True)),
    "never": (Record(REQUEST), replace(ASKED, clears=2, first_since_clear=True)),
    "before-the-clear": (
        Record(REQUEST, 3, delivered_in=1),
        replace(ASKED, clears=2, first_since_clear=True),
    ),
    "before-the-clear-later": (Record(REQUEST, 2, delivered_in=0), replace(ASKED, clears=2)),
    "since-the-clear": (Record(REQUEST, 3, delivered_in=2), replace(ASKED, clears=2)),
    "never-cleared": (Record(REQUEST, 3, delivered_in=0), ASKED),
    "of-an-earlier-one": (
        Record(REQUEST, 1, delivered_in=1),
        replace(ASKED, clears=2, first_since_clear=True),
    ),
    "of-another-request": (
        Record("other", 3, delivered_in=1),
        replace(ASKED, clears=2, first_since_clear=True),
    ),
}
_DELIVERED = "unkept-first-since-clear before-the-clear before-the-clear-later"
_NOT_DELIVERED = (
    "unkept-never-cleared unkept-later none never since-the-clear never-cleared of-an-earlier-one "
    "of-another-request"
)
SEARCH_RULES: list[tuple[tuple[str | None, ...], Any]] = [
    # what was found, an earlier good one, looks in doubt, on_rerun, what was delivered
    (("absent", ANY, "1", ANY, ANY), Wait(10.0)),  # it may come through late
    (("absent", "none", "0 2 3", ANY, ANY), Submit(3)),
    (("absent", "earlier-good", "0 2 3", ANY, _DELIVERED), Submit(3)),
    (("absent", "earlier-good", "0 2 3", ANY, _NOT_DELIVERED), Adopt("t-2", 2, FRESH)),
    (("queued running good-of-unknown-end good", ANY, ANY, "reuse", ANY), Adopt("t-3", 3, FRESH)),
    (("queued running", ANY, ANY, "regenerate", ANY), Adopt("t-3", 3, FRESH)),
    (("running-for-long", ANY, ANY, ANY, ANY), Adopt("t-3", 3, OLD)),
    (("running-undated", ANY, ANY, ANY, ANY), Adopt("t-3", 3, None)),
    (("good-of-long-ago", ANY, ANY, "reuse", ANY), Adopt("t-3", 3, OLD)),
    (("good-undated", ANY, ANY, "reuse", ANY), Adopt("t-3", 3, None)),
    # A good one is looked past only to see whether it has been made anew already.
    (("good", ANY, ANY, "regenerate", ANY), Look(4, (3, FOUND["good"]))),  # type: ignore[arg-type]
    (("good-undated", ANY, ANY, "regenerate", ANY), Look(4, (3, seen(GenerationState.SUCCEEDED)))),
    (
        ("good-of-unknown-end", ANY, ANY, "regenerate", ANY),
        Look(4, (3, seen(GenerationState.SUCCEEDED, FRESH))),
    ),
    (
        ("good-of-long-ago", ANY, ANY, "regenerate", ANY),
        Look(4, (3, seen(GenerationState.SUCCEEDED, OLD, FRESH))),
    ),
    # One without a video, or with none any more, never comes into question again.
    (("failed failed-undated gone gone-of-unknown-end", "none", ANY, ANY, ANY), Look(4)),
    (("failed failed-undated gone gone-of-unknown-end", "earlier-good", ANY, ANY, ANY), Look(4, (2, GOOD))),
]


@pytest.mark.parametrize("on_unknown_outcome", OnUnknownOutcome)
@pytest.mark.parametrize("on_rerun", OnRerun)
def test_every_look_leads_to_the_step_of_the_table(
    on_rerun: OnRerun, on_unknown_outcome: OnUnknownOutcome
) -> None:
    for found, earlier, doubts, delivered in product(FOUND, EARLIER, range(4), DELIVERIES):
        record, asked = DELIVERIES[delivered]
        asked = replace(asked, on_rerun=on_rerun, on_unknown_outcome=on_unknown_outcome)
        looked = Looked(3, FOUND[found], EARLIER[earlier], doubts)
        case = (found, earlier, str(doubts), on_rerun.value, delivered)
        assert step_by_search(looked, record, asked, NOW) == rule_for(case, SEARCH_RULES), case


@pytest.mark.parametrize("on_rerun", OnRerun)
@pytest.mark.parametrize("delivered", DELIVERIES)
def test_whatever_is_remembered_the_first_step_of_a_search_is_to_look(
    delivered: str, on_rerun: OnRerun
) -> None:
    record, asked = DELIVERIES[delivered]

    assert step_by_search(None, record, replace(asked, on_rerun=on_rerun), NOW) == Look(1)


def test_a_file_is_there_for_exactly_thirty_days() -> None:
    record = Record(REQUEST, 1, NOW - 30 * DAY, "t-1")

    assert step_by_record(record, ASKED, NOW) == Adopt("t-1", 1, NOW - 30 * DAY)
    assert step_by_record(record, ASKED, NOW + 0.01) == Submit(2)
