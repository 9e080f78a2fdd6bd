from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.shared import as_text, number
from benchmarks.waiting.plot import PANELS, plot
from benchmarks.waiting.report import committed, scenario_table
from tests.unit.benchmarks.figures import ours, results, theirs

SVG = "{http://www.w3.org/2000/svg}"


def test_a_row_says_how_many_times_ours_of_the_same_size_it_is_if_there_is_one() -> None:
    measured = results(ours(), theirs(), ours(videos=100, cpu_ms=6.0), theirs(videos=100))
    _, rows = scenario_table(measured, "official")
    first, second = (row for row in rows if row[0] == "1000")
    _, (alone,) = scenario_table(results(theirs()), "official")

    assert first[:4] == ("1000", "`KlingTaskTrigger`", "1", "0.2")
    assert second[:5] == ("1000", "`HttpSensorTrigger`", "12 (12x)", "10 (50x)", "10,000 (1,250x)")
    assert second[6] == "2.5, 4.5, 4"
    assert [row[2] for row in rows if row[:2] == ("100", second[1])] == ["12 (2x)"]
    assert alone[2] == "12"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.0123"), (1.0, "1"), (12.34, "12.3"), (123.4, "123"), (12345.0, "12,345"), (0, "0")],
)
def test_a_number_has_three_digits_and_thousands_are_set_apart(value: float, text: str) -> None:
    assert number(value) == text


def test_the_columns_of_a_table_are_aligned() -> None:
    assert as_text((("a", "bcd"), [("long", "x")])) == "a     bcd\nlong  x"


def test_the_picture_has_a_dot_for_each_figure_and_its_number_for_1000() -> None:
    measured = results(ours(), theirs(), ours(videos=100), theirs(videos=100, lag_p95=0.0))

    svg = ElementTree.fromstring(plot(measured))

    assert len(svg.findall(f"{SVG}circle")) == 4 * len(PANELS)
    numbers = [text.text for text in svg.findall(f"{SVG}text") if text.get("class") == "many"]
    assert numbers[:2] == ["1", "12"]


def test_no_dot_lies_outside_of_the_picture() -> None:
    svg = ElementTree.fromstring(plot(committed()))

    _, _, wide, high = map(float, svg.attrib["viewBox"].split())
    for dot in svg.findall(f"{SVG}circle"):
        assert 0 < float(dot.attrib["cx"]) < wide
        assert 0 < float(dot.attrib["cy"]) < high


def test_what_is_committed_names_the_machine() -> None:
    assert committed().about["machine"] == "2 cores"
