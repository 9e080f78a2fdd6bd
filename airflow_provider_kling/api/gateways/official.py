from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.gateways.base import KLING_FIELDS, Ability, Gateway, given
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation
from airflow_provider_kling.api.reading.answers import read_account, read_found, read_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kling.api.generation import Outcomes
    from airflow_provider_kling.api.reading.accounts import Account
    from airflow_provider_kling.api.requests import Text2VideoRequest

LONGEST_PAGE = 500
MOST_AT_ONCE = 20
_DAY_MILLISECONDS = 24 * 60 * 60 * 1000


class Official(Gateway):
    """
    Kling's own API, legacy standard: ``/v1`` and an envelope (Kling's docs, text to video).

    Many generations at once are asked for under ``/tasks`` of the new standard, which shows those of the
    legacy standard too and takes an API key only.
    """

    name = "official"
    hosts = ("klingai.com",)
    prefix = "/v1/videos"
    takes = KLING_FIELDS
    abilities = frozenset(Ability)
    api_key_only = frozenset({Ability.QUERY_MANY})

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the body; the model goes by ``model_name``, since ``model`` has no effect there."""
        return given({"model_name": request.model, **self.kling_fields(request)})

    def probe(self) -> Call[Account | None]:
        """Return a look at the account, which Kling answers for free."""
        return self.account()

    def find(self, external_task_id: str, product: str = TEXT2VIDEO) -> Call[Generation | None]:
        """Return the query, in which our own id stands for Kling's."""
        read = partial(read_found, product=product, external_task_id=external_task_id)
        return Call("GET", self._path(product, external_task_id), read, self.name)

    def query_many(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Call[Outcomes]:
        """Return the query of the new standard."""
        read = partial(read_tasks, product=product, asked_ids=tuple(task_ids))
        return Call("GET", "/tasks", read, self.name, query={"task_ids": ",".join(task_ids)})

    def list_tasks(self, product: str = TEXT2VIDEO, *, page: int, page_size: int) -> Call[Outcomes]:
        """Return the query of a page; a page with fewer than ``page_size`` is the last."""
        query = {"pageNum": page, "pageSize": page_size}
        return Call("GET", self._path(product), partial(read_tasks, product=product), self.name, query=query)

    def account(self) -> Call[Account]:
        """Return the question for the resource packs that were there within the last day."""
        now = int(time.time() * 1000)
        query = {"start_time": now - _DAY_MILLISECONDS, "end_time": now}
        return Call("GET", "/account/costs", read_account, self.name, query=query)
