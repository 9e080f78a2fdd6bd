"""
The kinds of gateway, as values: how each is asked, what it takes, and what it can do.

A connection names a kind, or its host tells it. Where neither does, the server is asked, for free, for a
generation that does not exist: each kind says in words of its own that there is none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from airflow_provider_kling.api.calls import Answer, Call
from airflow_provider_kling.api.errors import (
    KlingConnectionConfigError,
    KlingError,
    KlingRejectedError,
    KlingRequestError,
    KlingTaskNotFoundError,
    KlingUnsupportedError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, Outcomes
from airflow_provider_kling.api.models import remarks_on
from airflow_provider_kling.api.reading.accounts import Account, read_account
from airflow_provider_kling.api.reading.answers import (
    read_found,
    read_object,
    read_submitted,
    read_task,
    read_tasks,
)
from airflow_provider_kling.api.requests import DEFAULT_ASPECT_RATIO, Text2VideoRequest

log = logging.getLogger(__name__)

AUTO = "auto"
LONGEST_PAGE = 500
MOST_AT_ONCE = 20
# What is asked for to see who answers: no gateway makes ids like this one.
NO_TASK = "connection-test"
_DAY_MILLISECONDS = 24 * 60 * 60 * 1000


class Ability(Enum):
    """What a kind of gateway may be able to do beyond making a generation and telling of it."""

    FIND = "find a generation by its external task id"
    QUERY_MANY = "tell of many generations at once"
    LIST = "list the generations of the account"
    ACCOUNT = "tell what is left in the account"
    ACCESS_KEY = "take an access key with a secret key"


@dataclass(frozen=True, slots=True)
class Gateway:
    """
    A kind of server that makes Kling videos. It makes calls; a client sends them.

    Asked to make one that it has no ability for, it raises :class:`KlingUnsupportedError`.

    :param prefix: The path that its products are under.
    :param takes: The fields of a request that its page has.
    :param body: Makes the JSON body that asks for a generation, of which None is left out.
    :param hosts: The domains by which it is known.
    :param modes: Those that its page gives.
    :param cfg_scale_range: Likewise.
    :param abilities: What it can do beyond the basics.
    :param api_key_only: Those of them that it denies to an access key.
    :param stale_seconds: How old what it tells of a generation may be: asking more often tells nothing new.
    """

    name: str
    prefix: str
    takes: frozenset[str]
    body: Callable[[Text2VideoRequest], dict[str, Any]] = field(repr=False)
    hosts: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("std", "pro", "4k")
    cfg_scale_range: tuple[float, float] = (0.0, 1.0)
    abilities: frozenset[Ability] = frozenset()
    api_key_only: frozenset[Ability] = frozenset()
    stale_seconds: float = 0.0

    # The calls

    def submit(self, request: Text2VideoRequest, external_task_id: str | None = None) -> Call[Generation]:
        """
        Return the call that makes this generation, having warned of what is odd about it.

        :param external_task_id: Our own id for it, unique in the account.
        :raises KlingRequestError: a value is beyond the limits of the gateway's page, or something is odd
            and the request is strict.
        """
        if external_task_id is not None:
            self._need(Ability.FIND)
        self._check(request)
        body = _given({**self.body(request), "external_task_id": external_task_id})
        read = partial(read_submitted, product=TEXT2VIDEO)
        return Call("POST", self._path(TEXT2VIDEO), read, self.name, json=body, creates=True)

    def query(self, task_id: str, product: str = TEXT2VIDEO) -> Call[Generation]:
        """
        Return the call that asks for one generation; ids are opaque, so they are escaped.

        :raises KlingRequestError: the id cannot be part of an address.
        """
        read = partial(read_task, product=product, asked_id=task_id)
        return Call("GET", self._path(product, task_id), read, self.name, task_id=task_id)

    def find(self, external_task_id: str, product: str = TEXT2VIDEO) -> Call[Generation | None]:
        """Return the call that looks for a generation by our own id, in the place of Kling's."""
        self._need(Ability.FIND)
        read = partial(read_found, product=product, external_task_id=external_task_id)
        return Call("GET", self._path(product, external_task_id), read, self.name)

    def query_many(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Call[Outcomes]:
        """
        Return the call that asks for several generations, ``MOST_AT_ONCE`` at most.

        Kling's new standard has it, and shows those of the legacy standard too.
        """
        self._need(Ability.QUERY_MANY)
        read = partial(read_tasks, product=product, asked_ids=tuple(task_ids))
        return Call("GET", "/tasks", read, self.name, query={"task_ids": ",".join(task_ids)})

    def list_tasks(self, product: str = TEXT2VIDEO, *, page: int, page_size: int) -> Call[Outcomes]:
        """
        Return the call that asks for one page of the account's generations, newest first.

        A page with fewer than ``page_size``, which is ``LONGEST_PAGE`` at most, is the last one.
        """
        self._need(Ability.LIST)
        query = {"pageNum": page, "pageSize": page_size}
        return Call("GET", self._path(product), partial(read_tasks, product=product), self.name, query=query)

    def account(self) -> Call[Account]:
        """Return the call that asks for the resource packs that were there within the last day."""
        self._need(Ability.ACCOUNT)
        now = int(time.time() * 1000)
        query = {"start_time": now - _DAY_MILLISECONDS, "end_time": now}
        return Call("GET", "/account/costs", read_account, self.name, query=query)

    def probe(self) -> Call[Account | None]:
        """
        Return a call that costs nothing and succeeds when the key is good.

        It is a look at the account, or else a question for a generation that is not there: a good key is
        told so, a bad one refused.
        """
        if Ability.ACCOUNT in self.abilities:
            return self.account()
        return Call("GET", self._path(TEXT2VIDEO, NO_TASK), _read_nothing_found, self.name)

    # What a request has that suits the gateway, or does not

    def remarks(self, request: Text2VideoRequest) -> list[str]:
        """Return what is odd about a request without being wrong: left-out fields, a model's limits."""
        given = request.model_dump(exclude_unset=True)
        left_out = (
            f"{name} is left out: the {self.name} gateway does not take it"
            for name in type(request).model_fields
            if given.get(name) not in (None, {}) and name not in self.takes
        )
        return [*left_out, *remarks_on(request.model, _kling_fields(request))]

    def _check(self, request: Text2VideoRequest) -> None:
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
        remarks = self.remarks(request)
        if remarks and request.strict:
            raise KlingRequestError(f"The request cannot be sent, being strict: {'; '.join(remarks)}.")
        for remark in remarks:
            log.warning("%s", remark)

    def _need(self, ability: Ability) -> None:
        if ability not in self.abilities:
            raise KlingUnsupportedError(f"The {self.name} gateway cannot {ability.value}.", gateway=self.name)

    def _path(self, *below: str) -> str:
        try:
            segments = [quote(segment, safe="") for segment in below]
        except UnicodeEncodeError:
            segments = [""]
        if {"", ".", ".."} & set(segments):  # what HTTP libraries leave out of a path
            raise KlingRequestError(f"No gateway has such a product or gives such an id: {below!r}.")
        return "/".join([self.prefix, *segments])


# What each is sent

# The fields of a request that Kling itself has, and every relay passes on.
_KLING_FIELDS = frozenset(
    {"prompt", "model", "negative_prompt", "cfg_scale", "mode", "aspect_ratio", "duration", "extra"}
)
_NEWAPI_FIELDS = _KLING_FIELDS | {"metadata"}
_ELKAPI_FIELDS = _KLING_FIELDS | {
    *("image", "image_tail", "width", "height", "fps", "seed", "n", "response_format", "user", "metadata")
}
# The sizes from which New API tells the ratio; it takes any other, and none, for 1:1.
_SIZES = {"16:9": "1280x720", "9:16": "720x1280", "1:1": "1024x1024"}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _same(request: Text2VideoRequest, *names: str) -> dict[str, Any]:
    return {name: getattr(request, name) for name in names}


def _kling_fields(request: Text2VideoRequest) -> dict[str, Any]:
    """Return Kling's own fields, typed as Kling and EzModel type them: ``duration`` is a string."""
    return {
        **_same(request, "prompt", "negative_prompt", "cfg_scale", "mode"),
        "aspect_ratio": request.aspect_ratio or DEFAULT_ASPECT_RATIO,
        "duration": f"{request.duration:g}",
        **request.extra,
    }


def _elkapi_body(request: Text2VideoRequest) -> dict[str, Any]:
    # Kling's further fields travel in `metadata` beside what the user put there.
    decided = request.width is not None or request.image is not None
    metadata = {
        **_same(request, "negative_prompt", "cfg_scale", "mode"),
        "aspect_ratio": request.aspect_ratio or (None if decided else DEFAULT_ASPECT_RATIO),
        "image_tail": request.image_tail,
        **request.extra,
        **request.metadata,
    }
    return {
        **_same(request, "model", "prompt", "image"),
        "duration": int(request.duration) if request.duration.is_integer() else request.duration,
        **_same(request, "width", "height", "fps", "seed", "n", "response_format", "user"),
        "metadata": _given(metadata) or None,
    }


def _newapi_body(request: Text2VideoRequest) -> dict[str, Any]:
    # Versions before February 2026 read Kling's fields at the top level and ignore `metadata`. Later ones
    # ignore them there, read them in `metadata`, and ask for `model`. So this body says it twice, and gives
    # the ratio by `size` too.
    fields = _kling_fields(request)
    return {
        "size": _SIZES[fields["aspect_ratio"]],
        **fields,
        "model": request.model,
        "model_name": request.model,
        # Without a model, which would override the mapping of models that the relay's operator made.
        "metadata": _given({**fields, **request.metadata}),
    }


def _envelope_body(request: Text2VideoRequest) -> dict[str, Any]:
    # `model` stands beside Kling's `model_name` for relays that route by it.
    return {"model": request.model, "model_name": request.model, **_kling_fields(request)}


# The kinds

# New API's paths; it asks Kling about its generations every 15 seconds, and in between tells what it heard.
_relay = partial(Gateway, prefix="/kling/v1/videos", stale_seconds=15.0)

GATEWAYS: dict[str, Gateway] = {
    gateway.name: gateway
    for gateway in (
        # Kling's own API, legacy standard: an envelope (Kling's docs, text to video).
        Gateway(
            "official",
            prefix="/v1/videos",
            takes=_KLING_FIELDS,
            # The model goes by `model_name`, since `model` has no effect there.
            body=lambda request: {"model_name": request.model, **_kling_fields(request)},
            hosts=("klingai.com",),
            abilities=frozenset(Ability),
            api_key_only=frozenset({Ability.QUERY_MANY}),
        ),
        # As its page says: Kling's fields at the top level, Kling's envelope back.
        _relay(
            "ezmodel",
            takes=_KLING_FIELDS | {"image_tail"},
            # What the page does not name goes to the top level as well.
            body=lambda request: {**_same(request, "model", "image_tail"), **_kling_fields(request)},
            hosts=("ezmodel.cloud",),
            modes=("std", "pro"),
            cfg_scale_range=(0.0, 100.0),
        ),
        # As its page says: a flat body, and `metadata` for the parameters that it does not name.
        _relay("elkapi", takes=_ELKAPI_FIELDS, body=_elkapi_body, hosts=("elkapi.com",)),
        # New API, of whatever version, as its public code reads a request.
        _relay("newapi", takes=_NEWAPI_FIELDS, body=_newapi_body),
        # Asked like New API, it answers in a form of its own (docs.crazyrouter.com).
        _relay("crazyrouter", takes=_NEWAPI_FIELDS, body=_newapi_body, hosts=("crazyrouter.com",)),
        # A relay that keeps Kling's own bodies both ways.
        _relay("envelope", takes=_KLING_FIELDS, body=_envelope_body, hosts=("comfly.chat",)),
    )
}


# Which kind it is


def gateway_for(name: str, host: str) -> Gateway | None:
    """
    Return the gateway of that name; ``auto`` goes by the host, and None means that the host does not tell.

    :raises KlingConnectionConfigError: there is no gateway of that name.
    """
    if name == AUTO:
        domains = {domain: gateway for gateway in GATEWAYS.values() for domain in gateway.hosts}
        at = f".{host.lower().partition(':')[0]}"
        return next((gateway for domain, gateway in domains.items() if at.endswith(f".{domain}")), None)
    if name not in GATEWAYS:
        raise KlingConnectionConfigError(
            f"gateway={name!r} in the connection's extra is unknown; "
            f"use one of {AUTO}, {', '.join(GATEWAYS)}."
        )
    return GATEWAYS[name]


def questions() -> tuple[Call[Gateway | None], ...]:
    """Return what to ask a server, one after the other, until an answer tells its kind."""
    return tuple(
        Call("GET", GATEWAYS[name].query(NO_TASK).path, partial(_read_kind, name), name)
        for name in ("official", "newapi")
    )


def unrecognised(base_url: str) -> KlingConnectionConfigError:
    """Return the error that no answer told the kind."""
    return KlingConnectionConfigError(
        f"What answers at {base_url} cannot be recognised as a Kling gateway; check the connection's host, "
        f"or name the gateway in its extra: one of {', '.join(GATEWAYS)} instead of {AUTO}."
    )


def is_not_served(error: KlingError) -> bool:
    """Return whether an ability is missing at this very server: Kling's older host lacks ``/tasks``."""
    return isinstance(error, KlingRejectedError) and error.http_status == HTTPStatus.NOT_FOUND


def _read_kind(asked_as: str, answer: Answer) -> Gateway | None:
    """Return the kind that says in such words that there is no such generation."""
    try:
        read_object(answer, task_id=NO_TASK)
    except KlingTaskNotFoundError as error:
        is_number = isinstance(error.code, int)
        if asked_as == "official":
            # Kling says 400 and 1201 of an unknown task. A 404 is that of a path that is not served.
            return GATEWAYS["official"] if is_number and error.http_status == HTTPStatus.BAD_REQUEST else None
        if is_number:
            return GATEWAYS["envelope"]
        return GATEWAYS["newapi"] if error.code else None
    except KlingRejectedError:
        pass
    return None


def _read_nothing_found(answer: Answer) -> None:
    try:
        read_object(answer, task_id=NO_TASK)
    except KlingTaskNotFoundError as error:
        if not error.code:  # a website's 404, not a gateway's
            raise
