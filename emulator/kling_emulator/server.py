"""The emulator as Python has it: a gateway on this machine, with a thread of its own."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from aiohttp import web

from kling_emulator.account import Account, Counters, Keys, LinkSigner
from kling_emulator.exchange import Admin, Emulation, Exchange
from kling_emulator.faults import Plans, read_plan
from kling_emulator.gateways import GATEWAYS, PROXYING_GATEWAYS
from kling_emulator.render import VideoFiles

if TYPE_CHECKING:
    from kling_emulator.tasks import TaskSnapshot

# Prompts are short, but images travel in the body as Base64.
_BODY_BYTES = 64 * 1024 * 1024
# A stop is meant to look like a crash: whoever is waiting is not waited for.
_SHUTDOWN_SECONDS = 0.1


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
        self._account = Account(
            Keys(tuple(api_keys), access_key, secret_key),
            seconds_per_video,
            parallel_tasks=parallel_tasks,
            requests_per_second=requests_per_second,
            units=units,
        )
        self._plans = Plans()
        self._gateway = (PROXYING_GATEWAYS if proxied_links else GATEWAYS)[gateway](self._account)
        self._emulation = Emulation(
            gateway=self._gateway,
            account=self._account,
            signer=LinkSigner(link_seconds),
            plans=self._plans,
            status_age=(
                self._gateway.status_age_seconds if status_age_seconds is None else status_age_seconds
            ),
        )
        self._server: _Server | None = None

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
        keys = self._account.keys
        login, password = "", next(iter(keys.api_keys), "any-key")
        if keys.access_key and keys.secret_key and not keys.api_keys:
            login, password = keys.access_key, keys.secret_key
        user = f"{quote(login, safe='')}:{quote(password, safe='')}"
        dialect = self._gateway.connection_name or self._gateway.name
        return f"kling://{user}@{self._authority}/http?gateway={dialect}"

    def start(self) -> None:
        """Serve until :meth:`stop`; raises :class:`OSError` if the port is taken."""
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        listener = socket.create_server((self._host, self.port))
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kling-emulator", daemon=True)
        self._thread.start()
        self._server = _Server(self._emulation)
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
        return self._account.counters

    def creates(self) -> list[dict[str, Any] | None]:
        """List the JSON body of every create received, oldest first; None where it was no JSON object."""
        return self._account.creates()

    def tasks(self) -> list[TaskSnapshot]:
        """List every task as it is now, oldest first."""
        return self._account.snapshots()

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
        self._plans.add([read_plan({**general, **details})])

    def clear_faults(self) -> None:
        """Forget every plan."""
        self._plans.clear()

    @property
    def _authority(self) -> str:
        # One listens on all addresses, but calls one of them.
        return f"{'127.0.0.1' if self._host == '0.0.0.0' else self._host}:{self.port}"

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Server:
    """One run of the HTTP server: a gateway, its files and the admin paths on a socket."""

    def __init__(self, emulation: Emulation) -> None:
        self._account = emulation.account
        self._files = VideoFiles(emulation.account, emulation.signer, emulation.plans)
        exchange = Exchange(emulation, self._files)
        app = web.Application(middlewares=[exchange.refuse], client_max_size=_BODY_BYTES)
        app.add_routes([*Admin(emulation).routes(), *self._files.routes(), *exchange.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self, listener: socket.socket) -> None:
        """Begin to serve on a listening socket, which the server then owns."""
        await self._runner.setup()
        protocol_factory = self._runner.server
        assert protocol_factory is not None

        def accept() -> asyncio.Protocol:
            self._account.count("connections")
            return protocol_factory()

        self._listening = await asyncio.get_running_loop().create_server(accept, sock=listener)

    async def stop(self) -> None:
        """Hang up on everybody and remove the files."""
        self._listening.close()
        await self._runner.cleanup()
        await asyncio.get_running_loop().shutdown_default_executor()
        self._files.close()
