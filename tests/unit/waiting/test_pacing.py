from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.waiting.pacing import Experience, Pacing, Usual

STD, PRO = ("text2video", "std"), ("text2video", "pro")
PACING, STEADY = Pacing(), Pacing(jitter=0.0)
AGES = st.floats(0, 1e5)


def experienced(*seconds: float) -> Experience:
    experience = Experience()
    for taken in seconds:
        experience.add(STD, taken)
    return experience


@pytest.mark.parametrize("product", ["text2video", "image2video"])
@pytest.mark.parametrize("mode", ["std", "pro", "4k", None, "unheard-of"])
def test_the_better_the_video_the_longer_it_takes_and_what_is_not_known_may_be_the_fastest(
    product: str, mode: str | None
) -> None:
    usual = {"pro": Usual(60, 150), "4k": Usual(90, 240)} if product == "text2video" else {}

    assert Experience().usual((product, mode)) == usual.get(str(mode), Usual(30, 60))


@given(st.lists(st.floats(0, 1e4), min_size=5, max_size=99))
def test_the_median_of_what_was_seen_takes_the_place_of_the_table(seen: list[float]) -> None:
    assert experienced(*seen).usual(STD) == Usual(median(seen) * (2 / 3), median(seen))


def test_four_say_nothing_nor_do_those_of_another_kind_or_those_of_long_ago() -> None:
    assert experienced(*[7.0] * 4).usual(STD) == Usual(30, 60)
    assert experienced(*[7.0] * 5).usual(STD).median == 7.0
    assert experienced(*[7.0] * 5).usual(PRO) == Usual(60, 150)
    assert experienced(*[30.0] * 99, *[300.0] * 50).usual(STD).median == 300.0


@given(age=AGES, earliest=st.floats(0, 1e4))
def test_the_first_question_comes_when_a_generation_of_its_age_can_be_done(
    age: float, earliest: float
) -> None:
    left = max(earliest - age, 0.0)

    assert STEADY.before_first(age, Usual(earliest, 2 * earliest)) == left
    assert PACING.before_first(age, Usual(earliest, 2 * earliest)) == pytest.approx(left, rel=0.1001)


def test_what_began_together_is_not_asked_for_together_for_ever() -> None:
    first = [PACING.before_first(0.0, Usual(20, 60)) for _ in range(200)]
    following = [PACING.before_next(20.0, Usual(20, 60), 1.5) for _ in range(200)]

    for pauses, middle in ((first, 20.0), (following, 5.0)):
        assert len(set(pauses)) > 190
        assert 0.9 * middle <= min(pauses) < 0.95 * middle
        assert 1.05 * middle < max(pauses) <= 1.1 * middle


@given(age=AGES, middle=st.floats(1, 1e4), shortest=st.floats(0.1, 60))
def test_a_pause_is_an_eighth_of_the_distance_to_the_usual_end_but_neither_too_short_nor_too_long(
    age: float, middle: float, shortest: float
) -> None:
    usual = Usual(middle / 2, middle)
    steady = STEADY.before_next(age, usual, shortest)

    assert steady == max(min(abs(age - middle) / 8, 10.0), shortest)
    assert 0.9 * steady <= PACING.before_next(age, usual, shortest) <= 1.1001 * steady
