"""The comparison as a picture: a row for each contender, a dot for each N, on logarithmic scales."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.shared import number, svg
from benchmarks.waiting.promises import MANY
from benchmarks.waiting.report import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.waiting.figures import Figures, Results

PANELS = (
    ("cpu_ms", "CPU per video (ms)"),
    ("requests", "Requests per video"),
    ("connections", "TCP connections"),
    ("memory_kb", "Memory per trigger (KB)"),
    ("late_p50", "Lateness, median (s)"),
    ("lag_p95", "Loop lag, p95 (ms)"),
)
COLORS = dict(zip(TITLES, ("#2da44e", "#d1702a", "#a371f7", "#3b8eea"), strict=True))
NAMES, SCALE, VALUE, GAP = 140, 160, 52, 34  # widths in pixels
HEAD, ROW, FOOT = 26, 22, 34  # heights
COLUMNS = 3
SMALLEST_DOT = 3.0
MOST_LABELS = 3


def plot(results: Results, scenario: str = "official") -> str:
    runs = [run for run in results.figures if run.scenario == scenario]
    names = [name for name in TITLES if any(run.contender == name for run in runs)]
    high = HEAD + ROW * len(names) + FOOT
    parts = [part for row in range(2) for part in _names(names, row * high)]
    for place, (field, title) in enumerate(PANELS):
        left = NAMES + place % COLUMNS * (SCALE + VALUE + GAP)
        parts += _panel(runs, names, field, title, left, place // COLUMNS * high)
    wide = NAMES + COLUMNS * (SCALE + VALUE + GAP)
    sizes = sorted({run.videos for run in runs})
    parts.append(_text(0, 2 * high + 8, f"Dots from small to large: N = {', '.join(map(str, sizes))}."))
    parts.append(
        _text(NAMES + SCALE + VALUE + GAP, 2 * high + 8, f"The number is that of N = {_many(runs)}.")
    )
    return svg(wide, 2 * high + 20, parts)


def _names(names: Sequence[str], top: float) -> Iterator[str]:
    for row, name in enumerate(names):
        yield _text(0, top + HEAD + ROW * (row + 0.5) + 4, TITLES[name].strip("`"))


def _panel(
    runs: Sequence[Figures], names: Sequence[str], field: str, title: str, left: float, top: float
) -> Iterator[str]:
    # What is not above 0 has no place on such a scale: it is put at its edge.
    values = [getattr(run, field) for run in runs if getattr(run, field) > 0]
    low = math.floor(math.log10(min(values)))
    decades = max(math.ceil(math.log10(max(values))) - low, 1)
    bottom = top + HEAD + ROW * len(names)
    yield _text(left, top + 14, title, "head")
    for decade in range(decades + 1):
        x = left + SCALE * decade / decades
        yield f'<line x1="{x:.1f}" y1="{top + HEAD}" x2="{x:.1f}" y2="{bottom}"/>'
        if decade % 2 == 0 or decades <= MOST_LABELS:
            yield _text(x, bottom + 12, f"{10.0 ** (low + decade):g}", "tick")
    for run in runs:
        value = getattr(run, field)
        share = (math.log10(max(value, 10**low)) - low) / decades
        y = top + HEAD + ROW * (names.index(run.contender) + 0.5)
        radius = SMALLEST_DOT * (run.videos / runs[0].videos) ** 0.18
        dot = f'cx="{left + SCALE * share:.1f}" cy="{y}" r="{radius:.1f}" fill="{COLORS[run.contender]}"'
        yield f'<circle {dot} fill-opacity="0.75"/>'
        if run.videos == _many(runs):
            yield _text(left + SCALE + VALUE, y + 4, number(value), "many")


def _many(runs: Sequence[Figures]) -> int:
    """Return the N whose numbers are written down."""
    sizes = {run.videos for run in runs}
    return MANY if MANY in sizes else max(sizes)


def _text(x: float, y: float, text: str, kind: str = "name") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{text}</text>'
