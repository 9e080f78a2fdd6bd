"""A PostgreSQL of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.processes import Component

INSTALL = (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "postgresql"))
LONGEST_START_SECONDS = 30
# Nothing of it outlives the session.
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


class Postgres(Component):
    """
    A database server on 127.0.0.1, with its data below ``folder``.

    It refuses to run as root, and runs as the user ``postgres`` then.
    """

    def __init__(self, folder: Path, port: int, environment: Mapping[str, str]) -> None:
        self._bin = binaries()
        self._data = folder / "data"
        self._port = port
        user, group = (None, None)
        if os.geteuid() == 0:
            user, group = pwd.getpwnam("postgres")[2:4]
        folder.mkdir(mode=0o755)
        (folder / "logs").mkdir()
        if user is not None and group is not None:
            os.chown(folder, user, group)
        settings = (
            f"port={port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={folder}",
            *SETTINGS,
        )
        super().__init__(
            "postgres",
            (str(self._bin / "postgres"), "-D", str(self._data), *(f"-c{setting}" for setting in settings)),
            folder=folder,
            environment=environment,
            user=user,
            group=group,
        )

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Make the database, and wait until it answers."""
        user, group = self._owner
        subprocess.run(
            (self._bin / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync"),
            cwd=self._folder,
            env=self._environment,
            user=user,
            group=group,
            extra_groups=None if group is None else [],
            check=True,
            capture_output=True,
        )
        super().start()
        ready = (self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port))
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline or not self.is_alive:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.tail()}")
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGINT) -> None:
        super().end(number)


def binaries() -> Path:
    """Where the newest PostgreSQL of this machine is; root may install one."""
    if not (found := _installed()) and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in INSTALL:
            subprocess.run(command, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        found = _installed()
    if not found:
        raise RuntimeError(
            "These tests need PostgreSQL's server (postgres, initdb): install the package postgresql."
        )
    return found[-1]


def _installed() -> list[Path]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return [path.parent for path in ([Path(on_path)] if on_path else []) + debian]
