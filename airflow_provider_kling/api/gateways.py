"""How each gateway is asked: its paths, its bodies to the letter of its page, and what it leaves out."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow_provider_kling.api.answers import Answer, read_object, read_submitted, read_task
from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import (
    KlingConnectionConfigError,
    KlingRequestError,
    KlingTaskNotFoundError,
)
from airflow_provider_kling.api.requests import DEFAULT_ASPECT_RATIO
from airflow_provider_kling.api.tasks import TEXT2VIDEO, VideoTask

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest

AUTO = "auto"
_DAY_MILLISECONDS = 24 * 60 * 60 * 1000
# What a connection test asks a relay for: no gateway makes ids like this one.
_NO_TASK = "connection-test"


class Gateway(ABC):
    """
    A kind of server that makes Kling videos.

    ``takes`` are the fields of a request that its page has; ``modes`` and ``cfg_scale_range`` are the
    values that it gives for them.
    """

    name: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]]
    prefix: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    modes: ClassVar[tuple[str, ...]] = ("std", "pro", "4k")
    cfg_scale_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abstractmethod
    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the JSON body that asks for this generation."""

    @abstractmethod
    def probe(self) -> Call[None]:
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

    def submit(self, request: Text2VideoRequest) -> Call[VideoTask]:
        """
        Return the call that makes this generation.

        :raises KlingRequestError: as :meth:`check`.
        """
        self.check(request)
        return Call(
            "POST",
            f"{self.prefix}/{TEXT2VIDEO}",
            partial(read_submitted, product=TEXT2VIDEO),
            json=self.body(request),
            creates=True,
        )

    def query(self, task_id: str, product: str = TEXT2VIDEO) -> Call[VideoTask]:
        """Return the call that asks for one generation; ids are opaque, so they are escaped."""
        path = f"{self.prefix}/{quote(product, safe='')}/{quote(task_id, safe='')}"
        return Call("GET", path, partial(read_task, product=product, asked_id=task_id))

    def _flat_fields(self, request: Text2VideoRequest) -> dict[str, Any]:
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


class Official(Gateway):
    """Kling's own API, legacy standard: ``/v1`` and an envelope (Kling's docs, text to video)."""

    name = "official"
    hosts = ("klingai.com",)
    prefix = "/v1/videos"
    takes = frozenset(
        {"prompt", "model", "negative_prompt", "cfg_scale", "mode", "aspect_ratio", "duration", "extra"}
    )

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the body; the model goes by ``model_name``, since ``model`` has no effect there."""
        return _given({"model_name": request.model, **self._flat_fields(request)})

    def probe(self) -> Call[None]:
        """Return a look at the account's resource packs of the last day, which Kling answers for free."""
        now = int(time.time() * 1000)
        query = {"start_time": now - _DAY_MILLISECONDS, "end_time": now}
        return Call("GET", "/account/costs", _read_nothing, query=query)


class Relay(Gateway):
    """What the relays share: New API's paths, and no account page."""

    prefix = "/kling/v1/videos"

    def probe(self) -> Call[None]:
        """Return a question for a generation that is not there: a good key is told so, a bad one refused."""
        path = f"{self.prefix}/{TEXT2VIDEO}/{_NO_TASK}"
        return Call("GET", path, _read_nothing_found)


class EzModel(Relay):
    """EzModel, as its page says: Kling's fields at the top level, Kling's envelope back."""

    name = "ezmodel"
    hosts = ("ezmodel.cloud",)
    modes = ("std", "pro")
    cfg_scale_range = (0.0, 100.0)
    takes = frozenset(
        {
            "prompt",
            "model",
            "image_tail",
            "negative_prompt",
            "cfg_scale",
            "mode",
            "aspect_ratio",
            "duration",
            "extra",
        }
    )

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the body; what the page does not name goes to the top level as well."""
        own = {"model": request.model, "image_tail": request.image_tail}
        return _given({**own, **self._flat_fields(request)})


class ElkApi(Relay):
    """ElkAPI, as its page says: a flat body, and ``metadata`` for the parameters that it does not name."""

    name = "elkapi"
    hosts = ("elkapi.com",)
    takes = EzModel.takes | {
        "image",
        "width",
        "height",
        "fps",
        "seed",
        "n",
        "response_format",
        "user",
        "metadata",
    }

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the body; Kling's further fields travel in ``metadata`` beside what the user put there."""
        decided = request.width is not None or request.image is not None
        metadata = {
            "negative_prompt": request.negative_prompt,
            "cfg_scale": request.cfg_scale,
            "mode": request.mode,
            "aspect_ratio": request.aspect_ratio or (None if decided else DEFAULT_ASPECT_RATIO),
            "image_tail": request.image_tail,
            **request.extra,
            **request.metadata,
        }
        return _given(
            {
                "model": request.model,
                "prompt": request.prompt,
                "image": request.image,
                "duration": int(request.duration) if request.duration.is_integer() else request.duration,
                "width": request.width,
                "height": request.height,
                "fps": request.fps,
                "seed": request.seed,
                "n": request.n,
                "response_format": request.response_format,
                "user": request.user,
                "metadata": _given(metadata) or None,
            }
        )


GATEWAYS: dict[str, Gateway] = {gateway.name: gateway for gateway in (Official(), EzModel(), ElkApi())}


def gateway_for(name: str, host: str) -> Gateway:
    """
    Return the gateway of that name; ``auto`` goes by the host, and takes Kling's own form for unknown hosts.

    A wrong guess costs nothing: a relay has no ``/v1/videos/text2video`` and answers 404.

    :raises KlingConnectionConfigError: there is no gateway of that name.
    """
    if name == AUTO:
        known = (gateway for gateway in GATEWAYS.values() if _is_at(host, gateway.hosts))
        return next(known, GATEWAYS[Official.name])
    if name not in GATEWAYS:
        raise KlingConnectionConfigError(
            f"gateway={name!r} in the connection's extra is unknown; "
            f"use one of {AUTO}, {', '.join(GATEWAYS)}."
        )
    return GATEWAYS[name]


def _is_at(host: str, domains: tuple[str, ...]) -> bool:
    name = host.lower().partition(":")[0]
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _read_nothing(answer: Answer) -> None:
    read_object(answer)


def _read_nothing_found(answer: Answer) -> None:
    try:
        read_object(answer, task_id=_NO_TASK)
    except KlingTaskNotFoundError as error:
        if not error.code:  # a website's 404, not a gateway's
            raise
