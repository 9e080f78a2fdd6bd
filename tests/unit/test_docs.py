"""Tables in the docs are made from the code; these tests say when they differ."""

from __future__ import annotations

import inspect
from pathlib import Path

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_error_table_is_the_one_of_the_code() -> None:
    rows = ["| Error | What happened | Try again? | What to do |", "|---|---|---|---|"]
    for name, error in vars(errors).items():
        if inspect.isclass(error) and issubclass(error, errors.KlingError) and error is not errors.KlingError:
            what = " ".join((error.__doc__ or "").split())
            rows.append(f"| `{name}` | {what} | {'yes' if error.retryable else 'no'} | {error.remedy} |")

    assert "\n".join(rows) in (DOCS / "errors.md").read_text(), "\n".join(rows)


def test_the_table_of_fields_is_the_one_of_the_code() -> None:
    rows = [f"| Field | {' | '.join(GATEWAYS)} |", "|---|" + "---|" * len(GATEWAYS)]
    for field in Text2VideoRequest.model_fields:
        taken = ("yes" if field in gateway.takes else "" for gateway in GATEWAYS.values())
        rows.append(f"| `{field}` | {' | '.join(taken)} |")

    assert "\n".join(rows) in (DOCS / "requests.md").read_text(), "\n".join(rows)
