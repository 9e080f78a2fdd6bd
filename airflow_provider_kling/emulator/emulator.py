from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_kling.emulator.credentials import Credentials
from airflow_provider_kling.emulator.gateways import GATEWAYS
from airflow_provider_kling.emulator.links import LinkSigner
from airflow_provider_kling.emulator.store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Self

    from airflow_provider_kling.emulator.server import Server
    from airflow_provider_kling.emulator.store import Counters
    from airflow_provider_kling.emulator.tasks import TaskSnapshot


class KlingEmulator:
    """
    A Kling gateway on this machine, served by a thread of its own.

    Used as a context manager, or with :meth:`start` and :meth:`stop`. After a stop it can start again, on the
    same port and with the same tasks: a gateway that was down and is back. Time does not stop for the tasks.

    :param gateway: whose dialect it speaks: ``official``, ``ezmodel`` or ``elkapi``.
    :param seconds_per_video: seconds from a create to the end of its task.
    :param api_keys: the API keys that are accepted; when empty, any key is, but ``wrong-key``.
    :param host: the address to listen on.
    :param port: the port to listen on; with 0, :attr:`port` is a free one from the first start on.
    :param access_key: also accept JSON Web Tokens of this issuer (``official`` only).
    :param secret_key: the key that those are signed with.
    """

    def __init__(
        self,
        *,
        gateway: str = "official",
        seconds_per_video: float = 5.0,
        api_keys: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        if gateway not in GATEWAYS:
            raise ValueError(f"there is no gateway {gateway!r}; there are {', '.join(GATEWAYS)}")
        if access_key is not None and gateway != "official":
            raise ValueError("only the official gateway knows access keys")
        self.port = port
        self._host = host
        self._credentials = Credentials(tuple(api_keys), access_key, secret_key)
        self._store = TaskStore(seconds_per_video)
        self._signer = LinkSigner()
        self._gateway = GATEWAYS[gateway](self._store, self._credentials)
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
        return f"kling://{user}@{self._authority}/http?gateway={self._gateway.name}"

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
        self._server = server_class(self._gateway, self._store, self._signer)
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

    @property
    def _authority(self) -> str:
        # One listens on all addresses, but calls one of them.
        return f"{'127.0.0.1' if self._host == '0.0.0.0' else self._host}:{self.port}"

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _import_server() -> type[Server]:
    """Import what is heavy, or is not there, only when a server starts."""
    try:
        from airflow_provider_kling.emulator.server import Server
    except ModuleNotFoundError as missing:
        if missing.name not in ("av", "PIL"):
            raise
        raise ModuleNotFoundError(
            f"The emulator renders its videos with {missing.name}, which is not installed: "
            "pip install 'airflow-provider-kling[emulator]'",
            name=missing.name,
        ) from missing
    return Server
