"""
Who submits, who takes over, who stops: tables of stories, each walked by both drivers.

A row of a table is a rule: words for what there is, and what comes of it. Each combination of words has to be
in one row and in no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import pytest

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingOutcomeUnknownError,
    KlingServerError,
    KlingUnreachableError,
    KlingUnrecordedError,
    KlingUnsettledError,
)
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.generations.identity import OnRerun, OnUnknownOutcome, Order
from airflow_provider_kling.generations.record import Record, Settled, read_record
from tests.unit.generations.world import DAY, HOUR, NOW, Luck, Made, StoreError, World

SUBMITTED, PROCESSING = GenerationState.SUBMITTED, GenerationState.PROCESSING
SUCCEEDED, FAILED = GenerationState.SUCCEEDED, GenerationState.FAILED
FRESH, OLD = NOW - 29 * DAY, NOW - 31 * DAY
ANY = None
ORDER = Order(Text2VideoRequest.checked({"prompt": "A deer"}), "kling_default", "dag\nrun\ntask\n-1")
KEY = ORDER.record_key
FINE = Luck.FINE

Words = tuple[str, ...]
Rules = Sequence[tuple[tuple[str | None, ...], str]]


@pytest.fixture(autouse=True, params=["worker", "loop"])
def _driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "on_a_loop", request.param == "loop")


def outcome_of(case: Words, rules: Rules) -> str:
    """Of the one row whose columns, words split by commas, have the words of the case."""
    found = [
        outcome
        for columns, outcome in rules
        if all(
            column is ANY or word in column.split(", ") for word, column in zip(case, columns, strict=True)
        )
    ]
    assert len(found) == 1, f"{case} is in {len(found)} rows"
    return found[0]


def outcome(world: World, order: Order) -> str:
    """What a try does: it submits a take, adopts one, or stops."""
    try:
        settled = world.settle(order)
    except KlingOutcomeUnknownError:
        return "stop"
    return f"{'submit' if settled.kling_task_id.startswith('task-') else 'adopt'} {settled.take}"


def records(record: Record | None) -> dict[str, Any]:
    return {} if record is None else {KEY: asdict(record)}


# On a gateway that does not find generations: what is on record decides

AGES = {"fresh": FRESH, "old": OLD, "undated": 0.0}
BY_RECORD: Rules = [
    # what is on record, its age, on_rerun, on_unknown_outcome
    (("nothing", ANY, ANY, ANY), "submit 1"),
    (("failed", ANY, ANY, ANY), "submit 4"),
    # Whether there is a generation is not known: it is said, and who clears the task then, knows it.
    (("intent, intent-told-since-the-clear", ANY, ANY, "stop"), "stop"),
    (("intent, intent-told-since-the-clear", ANY, ANY, "resubmit"), "submit 4"),
    (("intent-told-before-the-clear", ANY, ANY, ANY), "submit 4"),
    # There is one: it is taken over while its file is there, unless a clear asks for another one.
    (("made, delivered-since-the-clear, delivered-before-the-clear", "old", ANY, ANY), "submit 4"),
    (("made, delivered-since-the-clear", "fresh, undated", ANY, ANY), "adopt 3"),
    (("delivered-before-the-clear", "fresh, undated", "reuse", ANY), "adopt 3"),
    (("delivered-before-the-clear", "fresh, undated", "regenerate", ANY), "submit 4"),
]


def on_record(clears: int) -> Iterator[tuple[str, Record | None]]:
    """Each thing that can be on record for a try after so many tries before the last clear; 0 is no clear."""
    made, intent = Record(3, kling_task_id="t-3"), Record(3)
    yield "nothing", None
    for record in (intent, made):
        yield "failed", replace(record, failed=True)
        yield "failed", replace(record, failed=True, delivered_in=0, stopped_in=0)
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
def test_every_record_has_the_outcome_of_the_table(
    age: str, on_rerun: OnRerun, on_unknown_outcome: OnUnknownOutcome
) -> None:
    for clears, first in ((0, False), (1, False), (1, True), (3, False), (3, True)):
        order = replace(
            ORDER,
            clears=clears,
            first_since_clear=first,
            on_rerun=on_rerun,
            on_unknown_outcome=on_unknown_outcome,
        )
        for what, record in on_record(clears):
            dated = replace(record, sent_at=AGES[age]) if record else None
            world = World(finds=False, records=records(dated))
            expected = outcome_of((what, age, on_rerun.value, on_unknown_outcome.value), BY_RECORD)

            assert outcome(world, order) == expected, (what, clears, first)
            assert world.sent == expected.startswith("submit")
            kept = read_record(world.records[KEY])
            assert kept is not None
            if expected == "stop":
                assert dated is not None
                assert kept == replace(dated, stopped_in=clears)
            elif expected.startswith("submit"):
                take = dated.take + 1 if dated else 1
                assert kept == Record(take, NOW, "task-1", waited_in=clears, waits_since=NOW)


def test_a_file_is_there_for_exactly_thirty_days() -> None:
    """At a relay it is counted from the submission, as nothing else is on record."""
    made = Record(1, NOW - 30 * DAY, "t-1")
    world = World(finds=False, records=records(made))

    assert world.settle(ORDER) == Settled("t-1", 1, NOW - 30 * DAY, KEY, 0)
    world.now += 0.01
    assert world.settle(ORDER) == Settled("task-1", 2, world.now, KEY, 0)
    assert world.settle(ORDER).kling_task_id == "task-1"
    assert world.sent == 1


# On a gateway that finds them: what it has decides

FOUND: dict[str, tuple[GenerationState, float | None, float | None]] = {
    "queued": (SUBMITTED, FRESH, None),
    "running": (PROCESSING, FRESH, None),
    "running-for-long": (PROCESSING, OLD, None),
    "running-undated": (PROCESSING, None, None),
    "failed": (FAILED, FRESH, FRESH),
    "failed-undated": (FAILED, None, None),
    "good": (SUCCEEDED, FRESH, FRESH),
    "good-of-long-ago": (SUCCEEDED, OLD, FRESH),  # and finished lately
    "good-of-unknown-end": (SUCCEEDED, FRESH, None),
    "good-undated": (SUCCEEDED, None, None),
    "gone": (SUCCEEDED, OLD, OLD),
    "gone-of-unknown-end": (SUCCEEDED, OLD, None),
}
RUNNING = "queued, running, running-for-long, running-undated"
GOOD = "good, good-of-long-ago, good-of-unknown-end, good-undated"
WITHOUT_VIDEO = "failed, failed-undated, gone, gone-of-unknown-end"
# What is known of deliveries: the record (False: nothing is kept), clears, whether it is the first try since.
DELIVERIES: dict[str, tuple[Record | bool | None, int, bool]] = {
    # Without records, a first try after a clear is taken for one that comes after a success.
    "unkept-never-cleared": (False, 0, False),
    "unkept-first-since-clear": (False, 2, True),
    "unkept-later": (False, 2, False),
    "none": (None, 2, True),
    "never": (Record(), 2, True),
    "before-the-clear": (Record(3, delivered_in=1), 2, True),
    "before-the-clear-later": (Record(2, delivered_in=0), 2, False),
    "since-the-clear": (Record(3, delivered_in=2), 2, False),
    "never-cleared": (Record(3, delivered_in=0), 0, False),
    "of-an-earlier-one": (Record(1, delivered_in=1), 2, True),
}
DELIVERED = "unkept-first-since-clear, before-the-clear, before-the-clear-later"
NOT_DELIVERED = ", ".join(word for word in DELIVERIES if word not in DELIVERED.split(", "))
BY_SEARCH: Rules = [
    # the take before the last one, the last one, on_rerun, what was delivered
    (("failed", RUNNING, ANY, ANY), "adopt 2"),
    (("failed", GOOD, "reuse", ANY), "adopt 2"),
    # A good one is looked past only to see whether it has been made anew already.
    (("failed", GOOD, "regenerate", DELIVERED), "submit 3"),
    (("failed", GOOD, "regenerate", NOT_DELIVERED), "adopt 2"),
    # One without a video, or with none any more, never comes into question again.
    (("failed", WITHOUT_VIDEO, ANY, ANY), "submit 3"),
    (("good", ANY, "reuse", ANY), "adopt 1"),
    (("good", RUNNING, "regenerate", ANY), "adopt 2"),
    (("good", GOOD, "regenerate", DELIVERED), "submit 3"),
    (("good", GOOD, "regenerate", NOT_DELIVERED), "adopt 2"),
    (("good", WITHOUT_VIDEO, "regenerate", f"{DELIVERED}, of-an-earlier-one"), "submit 3"),
    (
        ("good", WITHOUT_VIDEO, "regenerate", NOT_DELIVERED.replace(", of-an-earlier-one", "")),
        "adopt 1",
    ),
]


def at_kling(*takes: str) -> list[Made]:
    made = []
    for number, what in enumerate(takes, start=1):
        state, created, ended = FOUND[what]
        made.append(Made(f"t-{number}", "A deer", ORDER.external_task_id(number), created, state, ended))
    return made


@pytest.mark.parametrize("on_rerun", OnRerun)
@pytest.mark.parametrize("before", ["failed", "good"])
def test_every_search_has_the_outcome_of_the_table(before: str, on_rerun: OnRerun) -> None:
    for last, delivered in product(FOUND, DELIVERIES):
        record, clears, first = DELIVERIES[delivered]
        order = replace(ORDER, on_rerun=on_rerun, clears=clears, first_since_clear=first)
        world = World(finds=True, lasts=record is not False, made=at_kling(before, last))
        world.records = records(record if isinstance(record, Record) else None)
        expected = outcome_of((before, last, on_rerun.value, delivered), BY_SEARCH)

        assert outcome(world, order) == expected, (last, delivered)
        assert world.sent == expected.startswith("submit")


@pytest.mark.parametrize(("finds", "lasts"), [(True, True), (True, False), (False, False)])
def test_what_is_not_there_is_submitted_and_recorded_where_that_helps_alone(finds: bool, lasts: bool) -> None:
    world = World(finds, lasts)

    assert world.settle(ORDER) == Settled("task-1", 1, NOW, KEY, 0)
    assert (world.made[0].own_id is not None, world.records) == (finds, {})


# In doubt


@pytest.mark.parametrize(
    ("lucks", "sent", "seconds"),
    [
        # After the look before it, and the submission: what is heard of it.
        ([FINE, Luck.ERROR_AFTER], 1, 0),  # it is found at once
        ([FINE, Luck.LATE], 1, 10),  # it comes through while one waits
        ([FINE, Luck.ERROR_AFTER, Luck.VERY_LATE], 1, 10),  # Kling finds it a moment later
        ([FINE, Luck.ERROR_BEFORE], 2, 10),  # it never arrived
        ([FINE, Luck.ERROR_BEFORE, FINE, FINE, FINE, Luck.ERROR_AFTER], 2, 10),
        ([FINE, Luck.ERROR_BEFORE, FINE, FINE, FINE, Luck.ERROR_BEFORE], 3, 20),
        ([Luck.VERY_LATE], 1, 0),  # what is there was not found: Kling refuses a second one
    ],
)
def test_in_doubt_it_is_looked_for_again_before_it_is_sent_again(
    lucks: list[Luck], sent: int, seconds: float
) -> None:
    world = World(finds=True, lasts=False, lucks=list(lucks))
    if lucks == [Luck.VERY_LATE]:
        world.made = at_kling("running")

    assert world.settle(ORDER).take == 1
    assert (world.sent, world.now - NOW, len(world.made)) == (sent, seconds, 1)


def test_what_is_found_failed_in_doubt_makes_no_doubt_of_the_next_take() -> None:
    world = World(finds=True, lasts=False, lucks=[FINE, Luck.ERROR_AFTER])

    def fail_once(new: Made) -> None:
        if world.sent == 1:
            new.end(FAILED, NOW)

    world.before_a_submission = fail_once

    assert world.settle(ORDER).take == 2
    assert (world.sent, world.now) == (2, NOW)


def test_what_is_never_heard_of_is_sent_three_times_and_then_left_to_the_next_try() -> None:
    world = World(finds=True, lasts=False, lucks=[FINE, *[Luck.ERROR_BEFORE, FINE, FINE, FINE] * 3])

    with pytest.raises(KlingUnsettledError, match=r"sent 3 times.*The next try looks for it first"):
        world.settle(ORDER)
    assert world.sent == 3


@pytest.mark.parametrize(
    ("look", "before", "after"),
    [
        (Luck.ERROR_BEFORE, KlingServerError, KlingUnsettledError),
        (Luck.REFUSED, KlingAuthError, KlingOutcomeUnknownError),
    ],
)
def test_a_look_that_fails_says_whether_something_may_have_been_made(
    look: Luck, before: type[KlingError], after: type[KlingError]
) -> None:
    with pytest.raises(before, match=r"^(502|401)") as harmless:
        World(finds=True, lasts=False, lucks=[look]).settle(ORDER)
    assert type(harmless.value) is before
    in_doubt = World(finds=True, lasts=False, lucks=[FINE, Luck.ERROR_AFTER, look])
    with pytest.raises(after, match=r"Cannot look for what was submitted: (502|401).*may have been made"):
        in_doubt.settle(ORDER)


# Refused, and of unknown outcome, where it is recorded


@pytest.mark.parametrize(
    ("before", "then"),
    [
        pytest.param(None, "submit 1", id="nothing"),
        pytest.param(Record(3, FRESH, "t-3", failed=True), "submit 4", id="a failure"),
        # As when a cleared task finds that the balance is used up, and is told to reuse what there is.
        pytest.param(Record(3, FRESH, "t-3", delivered_in=0), "adopt 3", id="a good one"),
        # Who risked to pay twice, and risks it no longer, is still told that there is a doubt.
        pytest.param(Record(3, FRESH, stopped_in=1), "stop", id="a doubt"),
    ],
)
def test_who_wanted_another_one_and_was_refused_still_has_what_there_was(
    before: Record | None, then: str
) -> None:
    world = World(finds=False, records=records(before), lucks=[FINE, FINE, Luck.REFUSED])
    cleared = replace(ORDER, clears=1)
    another = replace(cleared, on_rerun=OnRerun.REGENERATE, on_unknown_outcome=OnUnknownOutcome.RESUBMIT)

    with pytest.raises(KlingUnreachableError):
        world.settle(another)
    assert (world.records, world.sent) == (records(before), 0)
    assert outcome(world, cleared) == then


@pytest.mark.parametrize("lasts", [True, False])
@pytest.mark.parametrize(
    ("on_unknown_outcome", "error"),
    [(OnUnknownOutcome.STOP, KlingOutcomeUnknownError), (OnUnknownOutcome.RESUBMIT, KlingUnsettledError)],
)
def test_an_unknown_outcome_names_the_prompt_and_the_time(
    on_unknown_outcome: OnUnknownOutcome, error: type[KlingError], lasts: bool
) -> None:
    prompt = "A deer " * 20
    order = replace(
        ORDER, request=Text2VideoRequest.checked({"prompt": prompt}), on_unknown_outcome=on_unknown_outcome
    )
    world = World(finds=False, lasts=lasts, lucks=[*[FINE] * 2 * lasts, Luck.ERROR_AFTER])

    with pytest.raises(error, match=r"submitting 'A deer A deer .{40,60}\.\.\.' at 2026-09-\d\d .* UTC"):
        world.settle(order)
    if lasts:
        assert world.records[order.record_key]["stopped_in"] == 0


def test_an_id_that_cannot_be_recorded_is_named_and_stops_the_next_try() -> None:
    world = World(finds=False, lucks=[FINE, FINE, FINE, Luck.ERROR_BEFORE])

    with pytest.raises(
        KlingUnrecordedError, match=r"Kling task task-1 was submitted, goes on and is billed.*Sto"
    ):
        world.settle(ORDER)
    with pytest.raises(KlingOutcomeUnknownError, match="An earlier try died"):
        world.settle(ORDER)


@pytest.mark.parametrize("luck", [Luck.ERROR_BEFORE, Luck.ERROR_AFTER])
def test_nothing_is_sent_that_cannot_be_recorded_before(luck: Luck) -> None:
    world = World(finds=False, lucks=[FINE, luck])

    with pytest.raises(StoreError):
        world.settle(ORDER)
    assert world.sent == 0


# Since when one waits


@pytest.mark.parametrize("finds", [True, False])
def test_the_waiting_counts_from_the_submission_and_anew_from_a_clear(finds: bool) -> None:
    world = World(finds)
    assert world.settle(ORDER).since == NOW
    world.now += HOUR
    assert world.settle(ORDER).since == NOW  # a retry
    cleared = replace(ORDER, clears=2, first_since_clear=True)
    assert world.settle(cleared) == Settled("task-1", 1, NOW + HOUR, KEY, 2)
    world.now += HOUR
    retried = replace(cleared, first_since_clear=False)
    assert world.settle(retried).since == NOW + HOUR
    assert world.sent == 1


def test_a_cleared_task_that_submits_waits_from_then_on_by_our_clock() -> None:
    world = World(finds=True, made=at_kling("failed"))
    cleared = replace(ORDER, clears=1)
    submitted = world.settle(cleared)
    world.made[-1].created = NOW + 5  # by the gateway's

    assert world.settle(cleared) == submitted == Settled("task-1", 2, NOW, KEY, 1)


def test_without_records_only_the_first_try_after_a_clear_counts_anew() -> None:
    world = World(finds=True, lasts=False, made=at_kling("running"))

    assert world.settle(replace(ORDER, clears=1, first_since_clear=True)).since == NOW
    assert world.settle(replace(ORDER, clears=1)).since == FRESH


@pytest.mark.parametrize("value", [None, "", "text", 5, -1.5, True, [], {"a": 1}], ids=repr)
@pytest.mark.parametrize("name", list(asdict(Record())))
@pytest.mark.parametrize("known_id", ["t-1", None])
def test_a_field_of_the_wrong_type_never_crashes_a_try(
    known_id: str | None, name: str, value: object
) -> None:
    stored = {**asdict(Record(2, NOW, known_id)), name: value}
    for on_rerun, on_unknown_outcome in product(OnRerun, OnUnknownOutcome):
        order = replace(ORDER, clears=1, on_rerun=on_rerun, on_unknown_outcome=on_unknown_outcome)

        assert outcome(World(finds=False, records={KEY: stored}), order)
