"""What Airflow is told about the package: a plain dict, read without importing anything else."""

from __future__ import annotations

from typing import Any

_NAME = "Kling"
_DOCS = "https://kling.ai/document-api"
_PACKAGE = "airflow_provider_kling"


def get_provider_info() -> dict[str, Any]:
    """Return the provider info, as Airflow's ``provider_info.schema.json`` describes it."""
    return {
        "package-name": "airflow-provider-kling",
        "name": _NAME,
        "description": "Kling AI video generation: submit, wait without holding a worker, land the file.",
        "integrations": [{"integration-name": _NAME, "external-doc-url": _DOCS, "tags": ["service"]}],
        "hooks": _modules("hooks.kling"),
        "operators": _modules("operators.video"),
        "sensors": _modules("sensors.task"),
        "triggers": _modules("triggers.room", "triggers.task"),
        "transfers": [
            {
                "source-integration-name": _NAME,
                "target-integration-name": "Common IO",
                "python-module": f"{_PACKAGE}.transfers.kling_to_object_storage",
            }
        ],
        "connection-types": [
            {
                "connection-type": "kling",
                "hook-class-name": f"{_PACKAGE}.hooks.kling.KlingHook",
                "hook-name": _NAME,
                "ui-field-behaviour": {
                    "hidden-fields": [],
                    "relabeling": {
                        "host": "Gateway host",
                        "schema": "Schema (https)",
                        "login": "Access key (only with a secret key)",
                        "password": "API key or secret key",
                    },
                    "placeholders": {
                        "host": "api-singapore.klingai.com, api.ezmodel.cloud, api.elkapi.com",
                        "port": "443",
                        "schema": "https",
                        "password": "the gateway's API key",
                    },
                },
                "conn-fields": {
                    "gateway": _choice(
                        "Gateway",
                        "Which form the host speaks; auto goes by the host, or asks it for free.",
                        *("auto", "official", "ezmodel", "elkapi", "newapi", "crazyrouter", "envelope"),
                    ),
                    "timeout": _number(
                        "Timeout (seconds)",
                        "How long to wait for an answer; empty: 60 for a submission, 30 otherwise.",
                    ),
                    "connect_timeout": _number(
                        "Connect timeout (seconds)",
                        "How long to wait for a connection; empty: 10 for a submission, 5 otherwise.",
                    ),
                    "requests_per_second": _number(
                        "Requests per second",
                        "How many requests all waiting tasks of a triggerer together may send; empty: 10.",
                    ),
                    "on_unknown_outcome": _choice(
                        "On unknown outcome",
                        "When it cannot be known whether an earlier try made a generation.",
                        *("stop", "resubmit"),
                    ),
                },
            }
        ],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]


def _number(label: str, description: str) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "exclusiveMinimum": 0}
    return {"label": label, "description": description, "schema": schema}


def _choice(label: str, description: str, *values: str) -> dict[str, Any]:
    schema = {"type": ["string", "null"], "enum": list(values), "default": values[0]}
    return {"label": label, "description": description, "schema": schema}
