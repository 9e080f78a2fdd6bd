from __future__ import annotations

import asyncio
import math
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kling_emulator.credentials import Credentials
from kling_emulator.emulation import Emulation
from kling_emulator.gateways import GATEWAYS, PROXYING_GATEWAYS
from kling_emulator.limits import Limits
from kling_emulator.links import LinkSigner
from kling_emulator.pack import ResourcePack
from kling_emulator.plan_reader import read_plan
from kling_emulator.plans import Plans
from kling_emulator.store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Self

    from kling_emulator.server import Server
    from kling_emulator.store import Counters
    from kling_emulator.tasks import TaskSnapshot


class KlingEmulator:
    """
    A Kling gateway on this machine, served by a thread of its own.

    Used as a context manager, or with :meth:`start` and :meth:`stop`. After a stop it can start again, on the
    same port and with the same tasks: a gateway that was down and is back. Time does not stop for the tasks.

    :param gateway: whose dialect it speaks: ``official``, ``ezmodel``, ``elkapi``, ``newapi``,
        ``newapi-old``, ``ezmodel-code``, ``crazyrouter`` or ``envelope``.
    :param seconds_per_video: seconds from a create to the end of its task; or a callable without arguments
        that gives those of the next task, called by the server's thread when a create is accepted.
    :param api_keys: the API keys that are accepted; when empty, any key is, but ``wrong-key``.
    :param host: the address to listen on.
    :param port: the port to listen on; with 0, :attr:`port` is a free one from the first start on.
    :param access_key: also accept JSON Web Tokens of this issuer (``official`` only).
    :param secret_key: the key that those are signed with.
    :param parallel_tasks: how many tasks may be unfinished at once; None for any number.
    :param requests_per_second: how many requests with a good key are answered in a second; None for all.
    :param units: the units in the resource pack, of which a video takes some; None for no end of them.
    :param status_age_seconds: how often the gateway asks Kling about a task; None for what is true of it.
    :param link_seconds: how long a link is good; None for 30 days from the end of its task.
    :param proxied_links: whether the gateway streams the files itself (``newapi`` only).
    """

    def __init__(
        self,
        *,
        gateway: str = "official",
        seconds_per_video: float | Callable[[], float] = 5.0,
        api_keys: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str | None = None,
        secret_key: str | None = None,
        parallel_tasks: int | None = None,
        requests_per_second: float | None = None,
        units: float | None = None,
        status_age_seconds: float | None = None,
        link_seconds: float | None = None,
        proxied_links: bool = False,
    ) -> None:
        if gateway not in GATEWAYS:
            raise ValueError(f"there is no gateway {gateway!r}; there are {', '.join(GATEWAYS)}")
        if proxied_links and gateway not in PROXYING_GATEWAYS:
            raise ValueError(f"only the gateway {', '.join(PROXYING_GATEWAYS)} streams the files itself")
        if requests_per_second is not None and not 0 < requests_per_second < math.inf:
            raise ValueError(f"requests_per_second {requests_per_second} is not a number above 0")
        for name, value in {
            "parallel_tasks": parallel_tasks,
            "units": units,
            "status_age_seconds": status_age_seconds,
            "link_seconds": link_seconds,
        }.items():
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} {value} is not a number from 0")
        if access_key is not None and gateway != "official":
            raise ValueError("only the official gateway knows access keys")
        self.port = port
        self._host = host
        self._credentials = Credentials(tuple(api_keys), access_key, secret_key)
        self._store = TaskStore(seconds_per_video)
        pack = ResourcePack(self._store, units)
        gateway_class = (PROXYING_GATEWAYS if proxied_links else GATEWAYS)[gateway]
        if status_age_seconds is None:
            status_age_seconds = gateway_class.status_age_seconds
        self._emulation = Emulation(
            gateway=gateway_class(self._store, self._credentials, pack),
            store=self._store,
            signer=LinkSigner(link_seconds),
            limits=Limits(
                self._store, pack, parallel_tasks=parallel_tasks, requests_per_second=requests_per_second
            ),
            plans=Plans(),
            status_age=status_age_seconds,
        )
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL that the gateway's paths are appended to."""
        return f"http://{self._authority}"

    @property
    def connection_uri(self) -> str:
        """The Airflow connection to it, as a value for ``AIRFLOW_CONN_KLING_DEFAULT``."""
        keys = self._credentials
        login, password = "", next(iter(keys.api_keys), "any-key")
        if keys.access_key and keys.secret_key and not keys.api_keys:
            login, password = keys.access_key, keys.secret_key
        user = f"{quote(login, safe='')}:{quote(password, safe='')}"
        gateway = self._emulation.gateway
        return f"kling://{user}@{self._authority}/http?gateway={gateway.connection_name or gateway.name}"

    def start(self) -> None:
        """Serve until :meth:`stop`; raises :class:`OSError` if the port is taken."""
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        server_class = _import_server()
        listener = socket.create_server((self._host, self.port))
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kling-emulator", daemon=True)
        self._thread.start()
        self._server = server_class(self._emulation)
        self._run(self._server.start(listener))

    def stop(self) -> None:
        """Go down, hanging up on whoever is being served. Does nothing if it is down."""
        if self._server is None:
            return
        self._run(self._server.stop())
        self._server = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def counters(self) -> Counters:
        """Tell how often each thing happened."""
        return self._store.counters

    def creates(self) -> list[dict[str, Any] | None]:
        """List the JSON body of every create received, oldest first; None where it was no JSON object."""
        return self._store.creates()

    def tasks(self) -> list[TaskSnapshot]:
        """List every task as it is now, oldest first."""
        return self._store.snapshots()

    def plan(
        self,
        *,
        on: str,
        fault: str,
        times: int | None = 1,
        share: float = 1.0,
        seed: int = 0,
        **details: Any,
    ) -> None:
        """
        Let something go wrong; raise :class:`ValueError` for what cannot.

        :param on: with which requests: ``create``, ``query`` (of one task), ``list``, ``account``, ``file``.
        :param fault: what happens to them.
        :param times: to how many of them; None for any number.
        :param share: how probable it is that one of them is hit.
        :param seed: decides which; the same seed hits the same ones.
        :param details: those of the fault: ``status``, ``seconds``, ``body``, ``headers``.
        """
        general = {"on": on, "fault": fault, "times": times, "share": share, "seed": seed}
        self._emulation.plans.add([read_plan({**general, **details})])

    def clear_faults(self) -> None:
        """Forget every plan."""
        self._emulation.plans.clear()

    @property
    def _authority(self) -> str:
        # One listens on all addresses, but calls one of them.
        return f"{'127.0.0.1' if self._host == '0.0.0.0' else self._host}:{self.port}"

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _import_server() -> type[Server]:
    """Import what is heavy, or is not there, only when a server starts."""
    try:
        from kling_emulator.server import Server
    except ModuleNotFoundError as missing:
        if missing.name not in ("av", "PIL"):
            raise
        raise ModuleNotFoundError(
            f"The emulator renders its videos with {missing.name}, which is not installed: "
            "pip install 'airflow-provider-kling[emulator]'",
            name=missing.name,
        ) from missing
    return Server
