from __future__ import annotations

from tests.integration.conftest import airflow_database

__all__ = ["airflow_database"]
