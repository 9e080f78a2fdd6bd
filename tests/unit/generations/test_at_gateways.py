"""The way to a generation at emulated gateways, walked over ``requests`` and over ``aiohttp``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import ApiKey, Endpoint
from airflow_provider_kling.api.errors import KlingOutcomeUnknownError, KlingUnreachableError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.generations.identity import Order
from airflow_provider_kling.generations.pay_once import in_worker, on_loop, pay_once
from airflow_provider_kling.generations.stores import TaskState
from tests.unit.generations.tries import Task
from tests.unit.generations.world import Awaited

ORDER = Order(Text2VideoRequest.checked({"prompt": "A deer"}), "kling_default", "dag\nrun\ntask\n-1")
RETRIES = Retries(0.2)
RELAYS = ("ezmodel", "newapi")


class Payer:
    """One try after the other at an emulator."""

    def __init__(self, emulator: KlingEmulator, gateway: str, on_a_loop: bool) -> None:
        self.emulator, self._endpoint, self._on_a_loop = emulator, endpoint_of(emulator, gateway), on_a_loop
        self._store = TaskState(cast("Any", Task()))
        self._on_loop_store: Any = Awaited(self._store)

    def __call__(self, order: Order = ORDER) -> str:
        return asyncio.run(self._on_loop(order)) if self._on_a_loop else self._in_worker(order)

    def _in_worker(self, order: Order) -> str:
        with KlingClient(self._endpoint, RETRIES) as client:
            way = pay_once(order, client.gateway(), lasts=True)
            return in_worker(way, client, self._store, lambda _: None).kling_task_id

    async def _on_loop(self, order: Order) -> str:
        async with AsyncKlingClient(self._endpoint, RETRIES) as client:
            way = pay_once(order, await client.gateway(), lasts=True)
            settled = await on_loop(way, client, self._on_loop_store, lambda _: asyncio.sleep(0))
            return settled.kling_task_id


def endpoint_of(emulator: KlingEmulator, gateway: str) -> Endpoint:
    return Endpoint(GATEWAYS[gateway], emulator.url, ApiKey("any-key"), None)


@pytest.fixture(params=[False, True], ids=["worker", "loop"])
def pay(request: pytest.FixtureRequest, gateway: str) -> Iterator[Payer]:
    options: dict[str, Any] = {"status_age_seconds": 0} if gateway in RELAYS else {}
    with KlingEmulator(gateway=gateway, seconds_per_video=600, **options) as emulator:
        yield Payer(emulator, gateway, request.param)


@pytest.mark.parametrize("gateway", ["official"])
@pytest.mark.parametrize(
    ("fault", "details", "creates"),
    [
        *(("cut-after", {}, 1), ("error-after", {"status": 504}, 1), ("html-after", {"status": 200}, 1)),
        *(("error-before", {}, 2), ("cut-before", {}, 2), ("html", {}, 2)),
    ],
)
def test_a_generation_whose_answer_was_lost_is_found_and_what_did_not_arrive_is_sent_again_under_the_same_id(
    pay: Payer, fault: str, details: dict[str, Any], creates: int
) -> None:
    pay.emulator.plan(on="create", fault=fault, **details)

    assert pay() == pay.emulator.tasks()[0].task_id
    own_ids = [(body or {}).get("external_task_id") for body in pay.emulator.creates()]
    assert own_ids == [ORDER.external_task_id(1)] * creates
    assert pay.emulator.counters().creates_accepted == 1
    # It is looked for before the first submission, and after it once, or twice before it is sent again.
    assert pay.emulator.counters().polls == creates + 1


@pytest.mark.parametrize("gateway", ["official", *RELAYS])
def test_what_certainly_did_not_happen_is_submitted_by_the_next_try_and_taken_over_by_later_ones(
    pay: Payer,
) -> None:
    pay.emulator.stop()
    with pytest.raises(KlingUnreachableError):
        pay()
    pay.emulator.start()

    assert pay() == pay() == pay.emulator.tasks()[0].task_id
    assert pay.emulator.counters().creates_received == 1


@pytest.mark.parametrize("gateway", RELAYS)
def test_a_lost_answer_stops_every_try_until_the_task_is_cleared(pay: Payer) -> None:
    pay.emulator.plan(on="create", fault="cut-after")
    for _ in range(2):
        with pytest.raises(KlingOutcomeUnknownError, match="A generation may have been made"):
            pay()
    assert pay.emulator.counters().creates_received == 1

    assert pay(replace(ORDER, clears=2)) == pay.emulator.tasks()[-1].task_id
    assert pay.emulator.counters().creates_accepted == 2


# Many at once on one event loop


@pytest.mark.parametrize("fault", ["cut-after", "cut-before"])
async def test_forty_at_once_of_which_seven_are_not_answered_make_forty(fault: str) -> None:
    orders = [replace(ORDER, item=f"dag\nrun\ntask\n{index}") for index in range(40)]
    store = cast("Any", Awaited(TaskState(cast("Any", Task()))))
    with KlingEmulator(gateway="official", seconds_per_video=600) as emulator:
        emulator.plan(on="create", fault=fault, times=7)
        async with AsyncKlingClient(endpoint_of(emulator, "official")) as client:
            gateway = await client.gateway()
            ways = (pay_once(order, gateway, lasts=True) for order in orders)
            settled = await asyncio.gather(
                *(on_loop(way, client, store, lambda _: asyncio.sleep(0)) for way in ways)
            )

        made = {task.task_id for task in emulator.tasks()}
        assert {each.kling_task_id for each in settled} == made
        assert emulator.counters().creates_accepted == len(made) == 40
        assert emulator.counters().creates_received == 40 + 7 * (fault == "cut-before")
