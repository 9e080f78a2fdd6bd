from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.gateways.base import KLING_FIELDS, given
from airflow_provider_kling.api.gateways.relay import Relay
from airflow_provider_kling.api.requests import DEFAULT_ASPECT_RATIO

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest


class ElkApi(Relay):
    """ElkAPI, as its page says: a flat body, and ``metadata`` for the parameters that it does not name."""

    name = "elkapi"
    hosts = ("elkapi.com",)
    takes = KLING_FIELDS | {
        "image",
        "image_tail",
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
        return given(
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
                "metadata": given(metadata) or None,
            }
        )
