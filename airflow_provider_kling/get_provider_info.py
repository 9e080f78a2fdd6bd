"""What Airflow is told about the package: a plain dict, read without importing anything else."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider info, as Airflow's ``provider_info.schema.json`` describes it."""
    name = "Kling"
    package = "airflow_provider_kling"
    return {
        "package-name": "airflow-provider-kling",
        "name": name,
        "description": "Kling AI video generation: submit, wait without holding a worker, land the file.",
        "integrations": [
            {
                "integration-name": name,
                "external-doc-url": "https://kling.ai/document-api",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": name, "python-modules": [f"{package}.hooks.kling"]}],
        "operators": [{"integration-name": name, "python-modules": [f"{package}.operators.video"]}],
        "sensors": [{"integration-name": name, "python-modules": [f"{package}.sensors.task"]}],
        "triggers": [
            {
                "integration-name": name,
                "python-modules": [f"{package}.triggers.room", f"{package}.triggers.task"],
            }
        ],
        "transfers": [
            {
                "source-integration-name": name,
                "target-integration-name": "Common IO",
                "python-module": f"{package}.transfers.kling_to_object_storage",
            }
        ],
        "connection-types": [_connection_type(f"{package}.hooks.kling.KlingHook")],
    }


def _connection_type(hook_class: str) -> dict[str, Any]:
    return {
        "connection-type": "kling",
        "hook-class-name": hook_class,
        "hook-name": "Kling",
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
            "gateway": {
                "label": "Gateway",
                "description": "Which form the host speaks; auto goes by the host, or asks it for free.",
                "schema": {
                    "type": ["string", "null"],
                    "enum": ["auto", "official", "ezmodel", "elkapi", "newapi", "crazyrouter", "envelope"],
                    "default": "auto",
                },
            },
            "timeout": {
                "label": "Timeout (seconds)",
                "description": "How long to wait for an answer; empty: 60 for a submission, 30 otherwise.",
                "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
            },
            "connect_timeout": {
                "label": "Connect timeout (seconds)",
                "description": "How long to wait for a connection; empty: 10 for a submission, 5 otherwise.",
                "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
            },
            "requests_per_second": {
                "label": "Requests per second",
                "description": "How many requests all waiting tasks of a triggerer together may send; "
                "empty: 10.",
                "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
            },
            "on_unknown_outcome": {
                "label": "On unknown outcome",
                "description": "When it cannot be known whether an earlier try made a generation.",
                "schema": {"type": ["string", "null"], "enum": ["stop", "resubmit"], "default": "stop"},
            },
        },
    }
