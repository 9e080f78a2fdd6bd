"""Whatever passes the rules of a request can be sent, to any gateway."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from airflow_provider_kling.api.errors import KlingRequestError
from airflow_provider_kling.api.gateways import GATEWAYS, Gateway
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.strategies import BOUNDED, REQUESTS


def checked(fields: dict[str, Any]) -> Text2VideoRequest | None:
    try:
        return Text2VideoRequest.checked(fields)
    except KlingRequestError:
        return None


def body_of(gateway: Gateway, request: Text2VideoRequest) -> dict[str, Any] | None:
    """The body that would be sent, or None where the gateway's limits or its being strict forbid it."""
    try:
        call = gateway.submit(request)
    except KlingRequestError:
        with pytest.raises(KlingRequestError, match=r"Nothing was submitted\.$"):
            gateway.submit(request)
        return None
    assert call.creates
    assert call.json is not None
    return dict(call.json)


def test_what_was_checked_can_be_sent_to_any_gateway_and_what_is_left_out_is_remarked_on_in_sentences() -> (
    None
):
    seen: Counter[str] = Counter()

    @BOUNDED
    @given(fields=REQUESTS)
    def holds(fields: dict[str, Any]) -> None:
        request = checked(fields)
        seen["refused"] += request is None
        for gateway in GATEWAYS.values() if request is not None else ():
            assert request is not None
            body = body_of(gateway, request)
            seen["refused by a gateway" if body is None else "passed"] += 1
            if body is not None:
                assert json.loads(json.dumps(body, allow_nan=False)) == body
                assert "strict" not in json.dumps(body)
                assert None not in body.values()
                assert body["prompt"] == request.prompt
                assert request.model in (body.get("model"), body.get("model_name"))
            remarks = gateway.remarks(request)
            assert all(len(remark) > 10 for remark in remarks)
            left_out = [remark.split()[0] for remark in remarks if "is left out" in remark]
            assert not set(left_out) & gateway.takes
            assert all(getattr(request, name) not in (None, {}) for name in left_out)

    holds()
    assert min(seen[end] for end in ("refused", "refused by a gateway", "passed")) > 0, seen
