from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import KlingTaskNotFoundError
from airflow_provider_kling.api.gateways.base import Gateway
from airflow_provider_kling.api.generation import TEXT2VIDEO
from airflow_provider_kling.api.reading.answers import read_object

if TYPE_CHECKING:
    from airflow_provider_kling.api.calls import Answer
    from airflow_provider_kling.api.reading.accounts import Account

# What a relay is asked for to see whether it answers: no gateway makes ids like this one.
NO_TASK = "connection-test"


class Relay(Gateway):
    """What the relays share: New API's paths, and no account page."""

    prefix = "/kling/v1/videos"
    # New API asks Kling about its generations this often, and in between tells what it heard then.
    stale_seconds = 15.0

    def probe(self) -> Call[Account | None]:
        """Return a question for a generation that is not there: a good key is told so, a bad one refused."""
        return Call("GET", self._path(TEXT2VIDEO, NO_TASK), _read_nothing_found, self.name)


def _read_nothing_found(answer: Answer) -> None:
    try:
        read_object(answer, task_id=NO_TASK)
    except KlingTaskNotFoundError as error:
        if not error.code:  # a website's 404, not a gateway's
            raise
