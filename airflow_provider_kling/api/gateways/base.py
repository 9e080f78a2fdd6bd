"""What every kind of gateway is asked, and what some can do beyond it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from urllib.parse import quote

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import KlingRequestError, KlingUnsupportedError
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation
from airflow_provider_kling.api.models import remarks_on
from airflow_provider_kling.api.reading.answers import read_submitted, read_task
from airflow_provider_kling.api.requests import DEFAULT_ASPECT_RATIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kling.api.generation import Outcomes
    from airflow_provider_kling.api.reading.accounts import Account
    from airflow_provider_kling.api.requests import Text2VideoRequest


# The fields of a request that Kling itself has, and every relay passes on.
KLING_FIELDS = frozenset(
    {"prompt", "model", "negative_prompt", "cfg_scale", "mode", "aspect_ratio", "duration", "extra"}
)


class Ability(Enum):
    """What a kind of gateway may be able to do beyond making a generation and telling of it."""

    FIND = "find a generation by its external task id"
    QUERY_MANY = "tell of many generations at once"
    LIST = "list the generations of the account"
    ACCOUNT = "tell what is left in the account"
    ACCESS_KEY = "take an access key with a secret key"


class Gateway(ABC):
    """
    A kind of server that makes Kling videos.

    ``takes`` are the fields of a request that its page has; ``modes`` and ``cfg_scale_range`` are the
    values that it gives for them. ``abilities`` are what it can do beyond the basics, and
    ``api_key_only`` those of them that it denies to an access key. ``stale_seconds`` is how old what it
    tells of a generation may be: asking more often than that tells nothing new.
    """

    name: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]] = ()
    prefix: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    modes: ClassVar[tuple[str, ...]] = ("std", "pro", "4k")
    cfg_scale_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    abilities: ClassVar[frozenset[Ability]] = frozenset()
    api_key_only: ClassVar[frozenset[Ability]] = frozenset()
    stale_seconds: ClassVar[float] = 0.0

    @abstractmethod
    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the JSON body that asks for this generation."""

    @abstractmethod
    def probe(self) -> Call[Account | None]:
        """Return a call that costs nothing and succeeds when the key is good."""

    def check(self, request: Text2VideoRequest) -> None:
        """
        Check the values whose limits this gateway's page gives.

        :raises KlingRequestError: naming the field, the value and what is allowed.
        """
        lowest, highest = self.cfg_scale_range
        scale = request.cfg_scale
        if scale is not None and not lowest <= scale <= highest:
            raise KlingRequestError(
                f"The request cannot be sent: cfg_scale={scale:g} is outside {lowest:g} to {highest:g}, "
                f"the range of the {self.name} gateway."
            )
        if request.mode is not None and request.mode not in self.modes:
            raise KlingRequestError(
                f"The request cannot be sent: mode={request.mode!r} is not one of {', '.join(self.modes)}, "
                f"the modes of the {self.name} gateway."
            )

    def left_out(self, request: Text2VideoRequest) -> tuple[str, ...]:
        """Return the fields that were given and that this gateway does not take, in the request's order."""
        given = request.model_dump(exclude_unset=True)
        return tuple(
            name
            for name in type(request).model_fields
            if given.get(name) not in (None, {}) and name not in self.takes
        )

    def remarks(self, request: Text2VideoRequest) -> list[str]:
        """Return what is odd about a request without being wrong: left-out fields, a model's limits."""
        return [
            *(
                f"{name} is left out: the {self.name} gateway does not take it"
                for name in self.left_out(request)
            ),
            *remarks_on(request.model, self.kling_fields(request)),
        ]

    def submit(self, request: Text2VideoRequest, external_task_id: str | None = None) -> Call[Generation]:
        """
        Return the call that makes this generation.

        :param external_task_id: Our own id for it, unique in the account.
        :raises KlingRequestError: as :meth:`check`.
        :raises KlingUnsupportedError: the gateway cannot find a generation by such an id.
        """
        self.check(request)
        body = self.body(request)
        if external_task_id is not None:
            if Ability.FIND not in self.abilities:
                self._cannot(Ability.FIND)
            body["external_task_id"] = external_task_id
        return Call(
            "POST",
            self._path(TEXT2VIDEO),
            partial(read_submitted, product=TEXT2VIDEO),
            self.name,
            json=body,
            creates=True,
        )

    def query(self, task_id: str, product: str = TEXT2VIDEO) -> Call[Generation]:
        """
        Return the call that asks for one generation; ids are opaque, so they are escaped.

        :raises KlingRequestError: the id cannot be part of an address.
        """
        read = partial(read_task, product=product, asked_id=task_id)
        return Call("GET", self._path(product, task_id), read, self.name, task_id=task_id)

    def find(self, external_task_id: str, product: str = TEXT2VIDEO) -> Call[Generation | None]:
        """
        Return the call that looks for a generation by our own id.

        :raises KlingUnsupportedError: the gateway cannot.
        """
        self._cannot(Ability.FIND)

    def query_many(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Call[Outcomes]:
        """
        Return the call that asks for several generations, 20 at most.

        :raises KlingUnsupportedError: the gateway cannot.
        """
        self._cannot(Ability.QUERY_MANY)

    def list_tasks(self, product: str = TEXT2VIDEO, *, page: int, page_size: int) -> Call[Outcomes]:
        """
        Return the call that asks for one page of the account's generations, newest first.

        :raises KlingUnsupportedError: the gateway cannot.
        """
        self._cannot(Ability.LIST)

    def account(self) -> Call[Account]:
        """
        Return the call that asks what is left in the account.

        :raises KlingUnsupportedError: the gateway cannot.
        """
        self._cannot(Ability.ACCOUNT)

    def kling_fields(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return Kling's own fields, typed as Kling and EzModel type them: ``duration`` is a string."""
        return {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "cfg_scale": request.cfg_scale,
            "mode": request.mode,
            "aspect_ratio": request.aspect_ratio or DEFAULT_ASPECT_RATIO,
            "duration": f"{request.duration:g}",
            **request.extra,
        }

    def _path(self, *below: str) -> str:
        try:
            segments = [quote(segment, safe="") for segment in below]
        except UnicodeEncodeError:
            segments = [""]
        if {"", ".", ".."} & set(segments):  # what HTTP libraries leave out of a path
            raise KlingRequestError(f"No gateway has such a product or gives such an id: {below!r}.")
        return "/".join([self.prefix, *segments])

    def _cannot(self, ability: Ability) -> NoReturn:
        raise KlingUnsupportedError(f"The {self.name} gateway cannot {ability.value}.", gateway=self.name)


def given(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
