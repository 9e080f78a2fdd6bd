"""What the scripts share: where things are, and the environment of an Airflow of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
AIRFLOW = (sys.executable, "-m", "airflow")
POOL = ("pools", "set", "kling", "3", "Kling videos at once", "--include-deferred")


def airflow_environment(home: Path, connection_uri: str) -> dict[str, str]:
    """
    Return the environment of an Airflow that keeps everything under ``home`` and sees only our DAGs.

    :param connection_uri: The connection ``kling_default``.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **ours,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', '')}",
        "NO_PROXY": "127.0.0.1,localhost",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_KLING_DEFAULT": connection_uri,
    }
