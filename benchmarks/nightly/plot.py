"""The comparison as a picture: a row for each way to write the batch, a bar for each number of videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.nightly.contenders import BATCH
from benchmarks.shared import number, svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.nightly.measures import Measures, Results

PANELS = (
    ("wall_seconds", "The run (s)"),
    ("slot_seconds_per_video", "Worker slot, per video (s)"),
    ("task_runs", "Task runs"),
    ("requests_per_video", "Requests per video"),
    ("late_p50", "Lateness, median (s)"),
    ("late_p95", "Lateness, p95 (s)"),
)
COLORS = dict(zip(BATCH, ("#d1702a", "#a371f7", "#3b8eea", "#2da44e"), strict=True))
NAMES, SCALE, VALUE, GAP = 150, 150, 50, 30  # widths in pixels
HEAD, BAR, SPACE, FOOT = 26, 11, 8, 18  # heights
COLUMNS = 3
SMALL = 'style="font-size: 10px"'


def plot(results: Results) -> str:
    sizes = sorted({run.videos for run in results.batches})
    high = HEAD + (BAR * len(sizes) + SPACE) * len(BATCH) + FOOT
    parts: list[str] = []
    for place, (field, title) in enumerate(PANELS):
        row, column = divmod(place, COLUMNS)
        if column == 0:
            parts += _names(len(sizes), row * high)
        left = NAMES + column * (SCALE + VALUE + GAP)
        parts += _panel(results.batches, sizes, field, title, left, row * high)
    wide = NAMES + COLUMNS * (SCALE + VALUE + GAP)
    foot = len(PANELS) // COLUMNS * high + 8
    parts.append(_text(0, foot, f"Bars from above: {' and '.join(map(str, sizes))} videos."))
    return svg(wide, foot + 12, parts)


def _names(sizes: int, top: float) -> Iterator[str]:
    for row, contender in enumerate(BATCH):
        yield _text(0, top + HEAD + (BAR * sizes + SPACE) * row + BAR * sizes / 2 + 4, contender.name)


def _panel(
    runs: Sequence[Measures], sizes: Sequence[int], field: str, title: str, left: float, top: float
) -> Iterator[str]:
    yield _text(left, top + 14, title, 'class="head"')
    most = max(getattr(run, field) for run in runs) or 1.0
    rows = {contender.dag_id: (row, COLORS[contender]) for row, contender in enumerate(BATCH)}
    for run in runs:
        row, color = rows[run.contender]
        value = getattr(run, field)
        y = top + HEAD + (BAR * len(sizes) + SPACE) * row + BAR * sizes.index(run.videos)
        bar = f'x="{left}" y="{y}" width="{SCALE * value / most:.1f}" height="{BAR - 1}" fill="{color}"'
        yield f'<rect {bar} fill-opacity="0.8"/>'
        yield _text(left + SCALE * value / most + 4, y + BAR - 2, number(value), SMALL)


def _text(x: float, y: float, text: str, look: str = 'class="name"') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{text}</text>'
