"""What a gateway has to say for itself. None of it does I/O: it reads values and gives values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kling_emulator.gateways.official_errors import error_of_status, official_error
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.credentials import Credentials
    from kling_emulator.faults import On
    from kling_emulator.gateways.refusal import Json, RefusalError
    from kling_emulator.limits import Limit
    from kling_emulator.pack import ResourcePack
    from kling_emulator.sightings import Sighting
    from kling_emulator.store import TaskStore
    from kling_emulator.tasks import VideoRequest, VideoTask

See = Callable[["VideoTask"], "Sighting"]
"""Looks at a task, for one answer."""

KLING_STATUS_WORDS = {
    State.SUBMITTED: "submitted",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeed",
    State.FAILED: "failed",
}
"""Kling's own words, which some relays keep. It is ``succeed``, without an ending."""


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
    """
    One dialect in which Kling is spoken. To add one, subclass it and list it in this package.

    :param store: where the tasks are.
    :param credentials: the keys that are accepted.
    :param pack: the units that are left.
    """

    name: ClassVar[str]
    """What ``--gateway`` calls it."""
    connection_name: ClassVar[str | None] = None
    """What an Airflow connection calls it, where that differs: clients know dialects, not versions."""
    tasks_path: ClassVar[str]
    """POST here to create, GET here plus the task id to query."""
    content_path: ClassVar[str | None] = None
    """Where it streams a file to its own users, where its links lead there instead of to Kling's network."""
    status_words: ClassVar[Mapping[State, str]]
    status_age_seconds: ClassVar[float] = 0.0
    """How often it asks Kling for the state of a task; 0 where it always knows."""

    def __init__(self, store: TaskStore, credentials: Credentials, pack: ResourcePack) -> None:
        self.store = store
        self.credentials = credentials
        self.pack = pack

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
    def new_task_id(self) -> str:
        """Make up an id in the gateway's form."""

    @abstractmethod
    def accepted(self, task: VideoTask) -> Json:
        """
        Answer a create.

        :param task: the task that it made.
        """

    @abstractmethod
    def report(self, sighting: Sighting) -> Json:
        """
        Answer a query.

        :param sighting: the task asked about, as it is to be told.
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

    @abstractmethod
    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """
        Give a refusal of Kling's in the gateway's own form.

        :param refusal: as Kling sent it.
        """

    def limited(self, limit: Limit) -> RefusalError:
        """
        Answer a request that is one too many.

        :param limit: what it exceeds.
        """
        return self.pass_on(official_error(*limit.value))

    def failure(self, status: int, *, is_create: bool) -> RefusalError:
        """
        Answer a request with a failure that somebody asked for.

        :param status: the HTTP status to fail with.
        :param is_create: whether it is a create, for which relays turn to Kling.
        """
        return self.pass_on(error_of_status(status))

    def find(self, any_id: str) -> VideoTask | None:
        """
        Look a task up.

        :param any_id: what the caller calls it.
        """
        return self.store.find(any_id)

    def find_content(self, task_id: str, see: See) -> VideoTask:
        """
        Look up the task whose file is asked for under :attr:`content_path`, or raise a :class:`RefusalError`.

        :param task_id: its id.
        :param see: looks at it.
        """
        raise self.unknown_task(task_id)

    def pages(self) -> Mapping[str, Page]:
        """Whatever else can be read with GET, by path."""
        return {}
