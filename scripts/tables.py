"""Write the tables of the docs anew, from the code and from what was measured."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.gateways import GATEWAYS, Ability
from airflow_provider_kling.api.models import MODELS
from airflow_provider_kling.api.reading.refusals import BY_NUMBER, BY_STATUS, BY_WORD
from airflow_provider_kling.api.requests import Text2VideoRequest
from benchmarks.nightly import report as nightly
from benchmarks.waiting import report as waiting
from scripts.local import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path


def error_table() -> str:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.KlingError) and kind is not errors.KlingError
    ]
    return _table(
        ("Error", "What happened", "Try again?", "Money spent?", "What to do"),
        (
            (f"`{kind.__name__}`", _said(kind), _yes_or_no(kind.retryable), kind.costs, kind.remedy)
            for kind in kinds
        ),
    )


def code_table() -> str:
    tables: tuple[tuple[str, Mapping[Any, type[errors.KlingError]]], ...] = (
        ("Kling's number", BY_NUMBER),
        ("a relay's word", BY_WORD),
        ("HTTP status", BY_STATUS),
    )
    return _table(
        ("Told by", "Code", "Error"),
        (
            (told_by, f"`{code}`", f"`{kind.__name__}`")
            for told_by, table in tables
            for code, kind in table.items()
        ),
    )


def gateway_table() -> str:
    """Say what each gateway can do beyond making a generation and telling of it."""
    return _table(
        ("Gateway", "Known by its host", *(ability.value for ability in Ability)),
        (
            (
                f"`{gateway.name}`",
                ", ".join(f"`{host}`" for host in gateway.hosts),
                *(_yes_or_nothing(ability in gateway.abilities) for ability in Ability),
            )
            for gateway in GATEWAYS.values()
        ),
    )


def field_table() -> str:
    sent = [name for name, field in Text2VideoRequest.model_fields.items() if not field.exclude]
    return _table(
        ("Field", *GATEWAYS),
        (
            (f"`{field}`", *(_yes_or_nothing(field in gateway.takes) for gateway in GATEWAYS.values()))
            for field in sent
        ),
    )


def model_table() -> str:
    return _table(
        ("Model", "Seconds", "Modes", "Sound in", "`cfg_scale`", "From text", "Retired"),
        (
            (
                f"`{name}`",
                _range(sorted(int(seconds) for seconds in model.durations)),
                ", ".join(model.modes),
                ", ".join(model.sound_modes),
                _yes_or_nothing(model.cfg_scale),
                _yes_or_nothing(model.from_text),
                model.retired or "",
            )
            for name, model in MODELS.items()
        ),
    )


def waiting_table(name: str) -> str:
    """Say what waiting costs, as the last full run of `make bench` has measured it."""
    return _table(*waiting.TABLES[name](waiting.committed()))


def glance_table() -> str:
    return _table(*waiting.glance_table(waiting.committed()))


def nightly_table(name: str) -> str:
    """Say what the nightly batch costs, as the last full run of `make bench-airflow` has measured it."""
    return _table(*nightly.TABLES[name](nightly.committed()))


# The page of each table, in which it stands between two comments with its name.
TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "errors": ("errors.md", error_table),
    "codes": ("errors.md", code_table),
    "gateways": ("gateways.md", gateway_table),
    "fields": ("requests.md", field_table),
    "models": ("requests.md", model_table),
    **{name: ("benchmarks.md", partial(waiting_table, name)) for name in waiting.TABLES},
    **{name: ("benchmarks.md", partial(nightly_table, name)) for name in nightly.TABLES},
    "waiting-at-a-glance": ("../README.md", glance_table),
    "limited": ("waiting.md", partial(nightly_table, "nightly-limited")),
}


def page_with(name: str) -> tuple[Path, str, str]:
    """Return the page of a table, its text as it is, and as it should be."""
    file, table = TABLES[name]
    page = ROOT / "docs" / file
    text = page.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    made = f"{begin}\n{table()}\n{end}"
    fresh, found = re.subn(f"{begin}.*?{end}", lambda _: made, text, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"{page} has {found} places for the table {name}, between {begin} and {end}")
    return page, text, fresh


def main() -> None:
    for name in TABLES:
        page, _, fresh = page_with(name)
        page.write_text(fresh)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _said(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _yes_or_nothing(value: bool) -> str:
    return "yes" if value else ""


def _range(seconds: list[int]) -> str:
    return f"{seconds[0]} to {seconds[-1]}" if len(seconds) > 2 else ", ".join(map(str, seconds))


if __name__ == "__main__":
    main()
