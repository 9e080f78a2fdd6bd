"""What a gateway has to say for itself. None of it does I/O: it reads values and gives values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kling_emulator.gateways.kling import (
    STATUS_WORDS,
    Json,
    RefusalError,
    error_of_status,
    kling_error,
    kling_task_id,
    relay_task_id,
)
from kling_emulator.tasks import Sighting, State, VideoRequest, VideoTask

if TYPE_CHECKING:
    from kling_emulator.account import Account, Limit
    from kling_emulator.faults import On

See = Callable[[VideoTask], Sighting]
"""Looks at a task, for one answer."""


@dataclass(frozen=True)
class Page:
    """
    Something else that can be read with GET.

    :param on: what it is, for those who count and for those who plan faults.
    :param answer: answers from the query string.
    """

    on: On
    answer: Callable[[Mapping[str, str], See], Json]


class Gateway(ABC):
    """One dialect in which Kling is spoken. To add one, subclass it and list it in this package."""

    name: ClassVar[str]
    """What ``--gateway`` calls it."""
    connection_name: ClassVar[str | None] = None
    """What an Airflow connection calls it, where that differs: clients know dialects, not versions."""
    tasks_path: ClassVar[str] = "/kling/v1/videos/text2video"
    """POST here to create, GET here plus the task id to query."""
    content_path: ClassVar[str | None] = None
    """Where it streams a file to its own users, where its links lead there instead of to Kling's network."""
    status_words: ClassVar[Mapping[State, str]] = STATUS_WORDS
    status_age_seconds: ClassVar[float] = 0.0
    """How often it asks Kling for the state of a task; 0 where it always knows."""
    has_ids_of_its_own: ClassVar[bool] = True
    """Whether it makes up ids for its tasks; otherwise they are in the form of Kling's."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @abstractmethod
    def authenticate(self, authorization: str, path: str) -> None:
        """
        Raise a :class:`RefusalError` unless the caller has a good key.

        :param authorization: the value of the Authorization header, empty if there is none.
        :param path: the path of the URL.
        """

    @abstractmethod
    def read(self, body: Json) -> VideoRequest:
        """
        Understand the body of a create, or raise a :class:`RefusalError`.

        :param body: its JSON object, without the fields that are null: null means unset.
        """

    @abstractmethod
    def accepted(self, task: VideoTask) -> Json:
        """Answer a create with the task that it made."""

    @abstractmethod
    def report(self, sighting: Sighting) -> Json:
        """Answer a query with the task asked about, as it is to be told."""

    @abstractmethod
    def unreadable_body(self) -> RefusalError:
        """Answer a create whose body is not a JSON object."""

    @abstractmethod
    def unknown_task(self, task_id: str) -> RefusalError:
        """Answer a query for a task that does not exist."""

    @abstractmethod
    def unknown_route(self, method: str, path: str) -> RefusalError:
        """Answer a request for something that the gateway does not offer."""

    @abstractmethod
    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Give a refusal of Kling's in the gateway's own form."""

    def new_task_id(self) -> str:
        return relay_task_id() if self.has_ids_of_its_own else kling_task_id()

    def limited(self, limit: Limit) -> RefusalError:
        """Answer a request that is one too many."""
        return self.pass_on(kling_error(*limit.value))

    def failure(self, status: int, *, is_create: bool) -> RefusalError:
        """
        Answer a request with a failure that somebody asked for.

        :param status: the HTTP status to fail with.
        :param is_create: whether it is a create, for which relays turn to Kling.
        """
        return self.pass_on(error_of_status(status))

    def find(self, any_id: str) -> VideoTask | None:
        """Look a task up by what the caller calls it."""
        return self.account.find(any_id)

    def find_content(self, task_id: str, see: See) -> VideoTask:
        """Look up the task whose file is asked for under ``content_path``; raise :class:`RefusalError`."""
        raise self.unknown_task(task_id)

    def pages(self) -> Mapping[str, Page]:
        """Whatever else can be read with GET, by path."""
        return {}
