from __future__ import annotations

import pytest

from scripts.trip import trips

MOST_FILES = 14


def test_a_prompt_reaches_the_wire_through_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "")  # taken back at the end

    submitting = trips()

    assert submitting.to_wire.files[0] == "operators/video.py"
    assert {"generations/pay_once.py", "api/client.py"} <= set(submitting.to_wire.files)
    assert len(submitting.to_wire.files) <= MOST_FILES, submitting.to_wire.files
    assert submitting.back.files[-1].startswith(("operators/", "generations/", "failures"))
