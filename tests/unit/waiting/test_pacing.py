from __future__ import annotations

from itertools import pairwise
from statistics import fmean, median

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_kling.api.generation import TEXT2VIDEO
from airflow_provider_kling.waiting.pacing import (
    FEWEST_REMEMBERED,
    JITTER,
    LONGEST_PAUSE_SECONDS,
    MOST_REMEMBERED,
    PART_OF_DISTANCE,
    Experience,
    Usual,
    first_pause,
    next_pause,
)

STD, PRO = (TEXT2VIDEO, "std"), (TEXT2VIDEO, "pro")
SHORTEST = 1.5
AGES = st.floats(0, 1e5)
MEDIANS = st.floats(1, 1e4)


def experienced(*seconds: float) -> Experience:
    experience = Experience()
    for taken in seconds:
        experience.add(STD, taken)
    return experience


@pytest.mark.parametrize("product", [TEXT2VIDEO, "image2video"])
@pytest.mark.parametrize("mode", ["std", "pro", "4k", None, "unheard-of"])
def test_the_first_question_comes_when_such_a_video_can_be_done(product: str, mode: str | None) -> None:
    usual = Experience().usual((product, mode))

    assert first_pause(0.0, usual) == pytest.approx(usual.earliest, rel=JITTER)
    assert 10 < usual.earliest < usual.median


def test_the_better_the_video_the_longer_it_takes_and_what_is_not_known_may_be_the_fastest() -> None:
    std, pro, best, unknown = (Experience().usual((TEXT2VIDEO, mode)) for mode in ("std", "pro", "4k", None))

    assert std.earliest < pro.earliest < best.earliest
    assert std.median < pro.median < best.median
    assert unknown == std


@given(age=AGES, earliest=st.floats(0, 1e4))
def test_the_age_of_a_generation_counts(age: float, earliest: float) -> None:
    pause = first_pause(age, Usual(earliest, 2 * earliest))

    assert pause == pytest.approx(max(earliest - age, 0.0), rel=JITTER * 1.001)


def test_what_began_together_is_not_asked_for_together_for_ever() -> None:
    usual = Usual(20, 60)

    assert len({first_pause(0.0, usual) for _ in range(100)}) > 90
    assert len({next_pause(20.0, usual, SHORTEST) for _ in range(100)}) > 90


@given(st.lists(st.floats(0, 1e4), min_size=FEWEST_REMEMBERED, max_size=MOST_REMEMBERED))
def test_the_median_of_what_was_seen_takes_the_place_of_the_table(seen: list[float]) -> None:
    usual = experienced(*seen).usual(STD)

    assert usual.median == pytest.approx(median(seen))
    assert usual.earliest <= usual.median


@given(st.lists(st.floats(0, 1e4), max_size=FEWEST_REMEMBERED - 1))
def test_too_few_say_nothing(seen: list[float]) -> None:
    assert experienced(*seen).usual(STD) == Experience().usual(STD)


def test_what_was_seen_of_one_kind_says_nothing_of_another() -> None:
    experience = experienced(*[7.0] * FEWEST_REMEMBERED)

    assert experience.usual(STD).median == 7.0
    assert experience.usual(PRO) == Experience().usual(PRO)


def test_a_gateway_that_became_slower_is_noticed() -> None:
    experience = experienced(*[30.0] * MOST_REMEMBERED, *[300.0] * MOST_REMEMBERED)

    assert experience.usual(STD).median == 300.0


@given(age=AGES, middle=MEDIANS, shortest=st.floats(0.1, 60))
def test_a_pause_is_neither_shorter_than_pays_nor_longer_than_allowed(
    age: float, middle: float, shortest: float
) -> None:
    pause = next_pause(age, Usual(middle / 2, middle), shortest)

    assert shortest * (1 - JITTER) <= pause <= max(LONGEST_PAUSE_SECONDS, shortest) * (1 + JITTER)


@given(middle=MEDIANS, nearer=AGES, farther=AGES)
def test_pauses_are_the_shorter_the_nearer_the_usual_end_is(
    middle: float, nearer: float, farther: float
) -> None:
    usual = Usual(middle / 2, middle)
    assume(abs(nearer - middle) < abs(farther - middle))
    # As long as jitter leaves the larger one larger.
    shorter = fmean(next_pause(nearer, usual, SHORTEST) for _ in range(50))
    longer = fmean(next_pause(farther, usual, SHORTEST) for _ in range(50))

    assert shorter <= longer * (1 + JITTER) / (1 - JITTER)


@given(middle=MEDIANS, age=AGES)
def test_nobody_hears_of_an_end_later_than_by_a_part_of_how_unusual_it_is(middle: float, age: float) -> None:
    pause = next_pause(age, Usual(middle / 2, middle), SHORTEST)

    assert pause <= max(abs(middle - age) * PART_OF_DISTANCE, SHORTEST) * (1 + JITTER)


@given(middle=st.floats(10, 400), done_after=st.floats(0.6, 1))
def test_a_video_of_the_usual_time_takes_no_more_than_some_forty_questions(
    middle: float, done_after: float
) -> None:
    usual = Usual(middle / 2, middle)
    ages = [first_pause(0.0, usual)]
    while ages[-1] < middle * done_after:
        ages.append(ages[-1] + next_pause(ages[-1], usual, SHORTEST))

    assert len(ages) <= 45
    assert all(later > earlier for earlier, later in pairwise(ages))
    assert ages[-1] - middle * done_after <= LONGEST_PAUSE_SECONDS * (1 + JITTER)
