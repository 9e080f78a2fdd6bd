"""What a gateway has to say for itself. None of it does I/O: it reads values and gives values."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kling.emulator.fates import Fate
from airflow_provider_kling.emulator.tasks import State

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.credentials import Credentials
    from airflow_provider_kling.emulator.store import TaskStore
    from airflow_provider_kling.emulator.tasks import VideoRequest, VideoTask

Json = dict[str, Any]
Link = Callable[["VideoTask"], str]
"""Gives the signed URL of a task's file."""
Page = Callable[[Mapping[str, str], Link], Json]
"""Answers a GET, from its query string."""

KLING_STATUS_WORDS = {
    State.SUBMITTED: "submitted",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeed",
    State.FAILED: "failed",
}
"""Kling's own words, which some relays keep. It is ``succeed``, without an ending."""

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


class RefusalError(Exception):
    """
    An answer that is not a success.

    :param status: the HTTP status.
    :param body: the JSON body.
    """

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class Gateway(ABC):
    """
    One dialect in which Kling is spoken. To add one, subclass it and list it in this package.

    :param store: where the tasks are.
    :param credentials: the keys that are accepted.
    """

    name: ClassVar[str]
    """What ``--gateway`` calls it."""
    tasks_path: ClassVar[str]
    """POST here to create, GET here plus the task id to query."""
    status_words: ClassVar[Mapping[State, str]]

    def __init__(self, store: TaskStore, credentials: Credentials) -> None:
        self.store = store
        self.credentials = credentials

    @abstractmethod
    def authenticate(self, authorization: str) -> None:
        """
        Raise a :class:`RefusalError` unless the caller has a good key.

        :param authorization: the value of the Authorization header, empty if there is none.
        """

    @abstractmethod
    def read(self, body: Json) -> VideoRequest:
        """
        Understand the body of a create, or raise a :class:`RefusalError`.

        :param body: its JSON object, without the fields that are null: null means unset.
        """

    @abstractmethod
    def new_task_id(self) -> str:
        """Make up an id in the gateway's form."""

    @abstractmethod
    def accepted(self, task: VideoTask) -> Json:
        """
        Answer a create.

        :param task: the task that it made.
        """

    @abstractmethod
    def report(self, task: VideoTask, link: Link) -> Json:
        """
        Answer a query.

        :param task: the task asked about.
        :param link: gives the URL of its file.
        """

    @abstractmethod
    def unreadable_body(self) -> RefusalError:
        """Answer a create whose body is not a JSON object."""

    @abstractmethod
    def unknown_task(self, task_id: str) -> RefusalError:
        """
        Answer a query for a task that does not exist.

        :param task_id: the id asked for.
        """

    @abstractmethod
    def unknown_route(self, method: str, path: str) -> RefusalError:
        """
        Answer a request for something that the gateway does not offer.

        :param method: the HTTP method.
        :param path: the path of the URL.
        """

    def pages(self) -> Mapping[str, Page]:
        """Whatever else can be read with GET, by path."""
        return {}

    def status_word(self, task: VideoTask, state: State) -> str:
        """
        Put the gateway's word to a state.

        :param task: whose state.
        :param state: the state.
        """
        if Fate.UNKNOWN_STATUS in task.fates and not state.is_final:
            return "REVIEWING"
        return self.status_words[state]


def kling_task_id() -> str:
    """Make up an id in the form of Kling's: 18 digits."""
    return str(10**17 + secrets.randbelow(9 * 10**17))


def mistyped_field(body: Json, json_types: Mapping[str, str]) -> str | None:
    """
    Find the first field whose JSON type is wrong.

    :param body: the object to look through. Fields without a known type are let pass, as servers do.
    :param json_types: the name of the JSON type of each known field.
    :return: the name of the field; None if all is well.
    """
    for name, json_type in json_types.items():
        # The exact type: isinstance() would take true for an integer.
        if name in body and type(body[name]) not in _PYTHON_TYPES[json_type]:
            return name
    return None
