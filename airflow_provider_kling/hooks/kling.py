"""An Airflow connection, turned into a client."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingConnectionConfigError,
    KlingError,
    KlingResultMissingError,
    KlingTaskNotFoundError,
    KlingUnreachableError,
)
from airflow_provider_kling.api.gateways import LONGEST_PAGE, MOST_AT_ONCE, Ability, is_not_served
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, Outcomes, Video
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import DEFAULT_RETRIES, Retries, Retry
from airflow_provider_kling.hooks.connection import EXAMPLE_URI, endpoint_of, on_unknown_outcome_of
from airflow_provider_kling.waiting.pacing import Pacing
from airflow_provider_kling.waiting.wait import wait_for_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_kling.api.async_client import AsyncKlingClient
    from airflow_provider_kling.api.client import KlingClient
    from airflow_provider_kling.api.media.download import Sink, VideoFile
    from airflow_provider_kling.api.reading.accounts import Account
    from airflow_provider_kling.generations.identity import OnUnknownOutcome

# How often everybody asks; the relays themselves look at Kling about every 15 seconds.
DEFAULT_POLL_INTERVAL = 10.0
# Pro and long clips take up to twenty minutes, and a busy gateway queues them.
DEFAULT_TIMEOUT = 60 * 60.0
# For as long as it takes an account of a few slots to make a night's batch before us.
DEFAULT_SUBMIT_TIMEOUT = 60 * 60.0


class KlingHook(BaseHook):
    """
    Talk to a Kling gateway from Python code in a task.

    Every method raises a :class:`~airflow_provider_kling.api.errors.KlingError`; its type says what to do.
    What only Kling's own API can raises KlingUnsupportedError at the others: an external task id, the list,
    the account.

    :param kling_conn_id: The Airflow connection, of type ``kling``.

    What it, and the operators, sensors, triggers and transfers that use it, hand to the engines suits every
    gateway, so it is no user's to set; a test that cannot wait sets other values:

    - ``retries``: for how long each call is tried again before its error is raised, by the clients of workers
      and of the triggerer alike;
    - ``pacing``: when a waiting asks, in the triggerer, and when a submission that found no room is tried
      again, there or in a worker;
    - ``landing_seconds``: for how long a landing is tried again. One try may take minutes, and where Airflow
      keeps no task state, the end of this one is the end of a generation that was paid for.
    """

    conn_name_attr = "kling_conn_id"
    default_conn_name = "kling_default"
    conn_type = "kling"
    hook_name = "Kling"
    retries: ClassVar[Retries] = DEFAULT_RETRIES
    pacing: ClassVar[Pacing] = Pacing()
    landing_seconds: ClassVar[float] = 300.0

    def __init__(self, kling_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id

    def get_conn(self) -> KlingClient:
        """
        Return the client, made on first use.

        :raises KlingConnectionConfigError: the connection is missing, or cannot be used.
        """
        return self._client

    async def get_async_conn(self) -> AsyncKlingClient:
        """
        Return a new client for the running event loop; the caller closes it.

        :raises KlingConnectionConfigError: as :meth:`get_conn`.
        """
        from airflow.providers.common.compat.connection import get_async_connection

        # aiohttp takes a while to import, for which the triggerer's event loop should not stand still.
        module = await asyncio.to_thread(import_module, "airflow_provider_kling.api.async_client")
        try:
            connection = await get_async_connection(self.kling_conn_id)
        except AirflowNotFoundException:
            raise self._missing_connection() from None
        client: AsyncKlingClient = module.AsyncKlingClient(endpoint_of(connection), self.retries)
        return client

    def submit(
        self,
        request: Text2VideoRequest | None = None,
        *,
        external_task_id: str | None = None,
        retry_throttled: bool = True,
        **fields: Any,
    ) -> Generation:
        """
        Make a generation. It costs money and cannot be cancelled.

        :param request: What to make; or give the fields of a
            :class:`~airflow_provider_kling.api.requests.Text2VideoRequest` by name.
        :param external_task_id: Our own id for it, unique in the account; only Kling's own API takes one.
        :param retry_throttled: Whether to try again for a few seconds when the account has no room for it.
        :raises KlingRequestError: a field breaks a rule; nothing was sent.
        :raises KlingThrottledError: the account has no room for it now; nothing was made.
        :raises KlingDuplicateError: there is a generation with this external task id; nothing was made.
        :raises KlingOutcomeUnknownError: it was sent, and whether it happened is not known.
        """
        request = request or Text2VideoRequest.checked(fields)
        client = self.get_conn()
        call = client.gateway().submit(request, external_task_id)
        return client.perform(call, Retry.FREELY if retry_throttled else Retry.UNLESS_THROTTLED)

    def get_task(self, task_id: str, product: str = TEXT2VIDEO) -> Generation:
        """Ask for one generation; the links in the answer are fresh."""
        client = self.get_conn()
        return client.perform(client.gateway().query(task_id, product))

    def get_tasks(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Outcomes:
        """
        Ask for many generations, 20 with one request where the gateway can.

        :return: By task id, the generation, or the error that came in its place.
        :raises KlingError: the gateway could not be asked at all.
        """
        client = self.get_conn()
        gateway = client.gateway()
        outcomes: Outcomes = {}
        try:
            if client.endpoint.can(gateway, Ability.QUERY_MANY):
                for first in range(0, len(task_ids), MOST_AT_ONCE):
                    some = task_ids[first : first + MOST_AT_ONCE]
                    outcomes |= client.perform(gateway.query_many(some, product))
                return outcomes
        except KlingError as error:
            if not is_not_served(error):
                raise
        for task_id in task_ids:
            try:
                outcomes[task_id] = client.perform(gateway.query(task_id, product))
            except (KlingTaskNotFoundError, KlingResultMissingError) as error:
                outcomes[task_id] = error
        return outcomes

    def find_task(self, external_task_id: str, product: str = TEXT2VIDEO) -> Generation | None:
        """Look for a generation by our own id; None means that the gateway does not have it now."""
        client = self.get_conn()
        return client.perform(client.gateway().find(external_task_id, product))

    def list_tasks(self, product: str = TEXT2VIDEO) -> Iterator[Generation | KlingError]:
        """
        Go through the account's generations, newest first, asking for a page whenever it is reached.

        :return: Each generation, or the error that its record is.
        """
        client = self.get_conn()
        for page in itertools.count(1):
            outcomes = client.perform(client.gateway().list_tasks(product, page=page, page_size=LONGEST_PAGE))
            yield from outcomes.values()
            if len(outcomes) < LONGEST_PAGE:
                return

    def account(self) -> Account:
        """Ask what is left in the account."""
        client = self.get_conn()
        return client.perform(client.gateway().account())

    def wait_for_task(
        self,
        task_id: str,
        product: str = TEXT2VIDEO,
        *,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Generation:
        """
        Wait, in this process, until a generation has ended; it may have ended badly.

        :param poll_interval: Seconds from one question to the next.
        :param timeout: Seconds from now.
        :raises KlingTimeoutError: it had not ended by then.
        """
        return wait_for_task(
            self.get_conn(), task_id, product, poll_interval=poll_interval, deadline=time.time() + timeout
        )

    def download(self, video: Video, sink: Sink) -> VideoFile:
        """
        Stream a video, whose link must be fresh, into ``sink``.

        :raises KlingMediaError: what arrived is not a whole MP4 file.
        """
        from airflow_provider_kling.api.media.download import download

        return download(video, sink, self.get_conn().endpoint)

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the gateway answers and accepts the key, without making anything."""
        try:
            client = self.get_conn()
            account = client.perform(client.gateway().probe(), Retry.NEVER)
        except KlingAuthError as error:
            return False, f"The gateway answers, and does not accept the key. {error}"
        except KlingUnreachableError as error:
            return False, f"The gateway does not answer. {error}"
        except KlingError as error:
            return False, str(error)
        left = f"; {account.remaining:g} units are left in its resource packs" if account else ""
        where = f"{client.gateway().name} gateway at {client.endpoint.base_url}"
        return True, f"The {where} accepts the key{left}."

    @property
    def on_unknown_outcome(self) -> OnUnknownOutcome:
        """What the connection says to do when the outcome of a submission is unknown."""
        return on_unknown_outcome_of(self._connection)

    @cached_property
    def _client(self) -> KlingClient:
        from airflow_provider_kling.api.client import KlingClient

        return KlingClient(endpoint_of(self._connection), self.retries)

    @cached_property
    def _connection(self) -> Connection:
        try:
            return self.get_connection(self.kling_conn_id)
        except AirflowNotFoundException:
            raise self._missing_connection() from None

    def _missing_connection(self) -> KlingConnectionConfigError:
        variable = f"AIRFLOW_CONN_{self.kling_conn_id.upper()}"
        return KlingConnectionConfigError(
            f"The Airflow connection {self.kling_conn_id!r} is not defined; "
            f"add it, or set {variable}='{EXAMPLE_URI}'."
        )
