"""What both benchmarks share: the arithmetic, tables, the frame of a picture, and writing it all down."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.local import ROOT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The head, and the rows.
Table = tuple[Sequence[str], Sequence[Sequence[str]]]
RESULTS = ROOT / "benchmarks" / "results"
PICTURES = ROOT / "docs" / "benchmarks"
# The text has to be readable on white and on black, whether or not the page says which it is.
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #656d76; }
.head { font-weight: 600; }
.many { text-anchor: end; }
.tick { text-anchor: middle; font-size: 10px; }
line { stroke: #8c959f; stroke-opacity: 0.35; }
@media (prefers-color-scheme: dark) { text { fill: #9ea7b3; } }
"""


def percentile(values: Sequence[float], share: float) -> float:
    """
    Return the smallest value that at least this share of all values do not exceed.

    :param share: 0.5 for the median, above 0 and up to 1.
    :raises ValueError: there are no values.
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def number(value: float) -> str:
    """Write three significant digits, and whole numbers as they are."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def listed(*values: float) -> str:
    return ", ".join(map(number, values))


def as_text(table: Table) -> str:
    """Return a table whose columns are aligned."""
    rows = [table[0], *table[1]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def svg(wide: float, high: float, parts: Sequence[str]) -> str:
    """Return a picture of so many pixels."""
    box = f'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>\n<style>{_STYLE}</style>\n{body}\n</svg>\n'


def committed(name: str) -> Any:
    """Return what the last full run of a benchmark has measured, as plain JSON."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def write_down(name: str, results: DataclassInstance, picture: str, folder: Path | None) -> None:
    """
    Write results down, as JSON and as a picture.

    :param folder: Where; None for over what is committed.
    """
    for file, text in (
        ((folder or RESULTS) / f"{name}.json", json.dumps(asdict(results), indent=1) + "\n"),
        ((folder or PICTURES) / f"{name}.svg", picture),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
