"""``kling-emulator``: the emulator on the command line."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from kling_emulator.gateways import GATEWAYS
from kling_emulator.server import KlingEmulator


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until SIGINT or SIGTERM.

    :param argv: the arguments; those of the process when None.
    :return: the exit code: 0 after a stop, 1 if it could not start.
    """
    parser = argument_parser()
    arguments = parser.parse_args(argv)
    try:
        emulator = KlingEmulator(**vars(arguments))
    except ValueError as contradiction:
        parser.error(str(contradiction))
    try:
        _serve(emulator)
    except OSError as obstacle:
        sys.stderr.write(f"kling-emulator cannot start: {obstacle}\n")
        return 1
    return 0


def _serve(emulator: KlingEmulator) -> None:
    # Held back, the signals cannot interrupt the start or the stop: they wait for sigwait().
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    with emulator:
        sys.stdout.write(f"{emulator.url}  AIRFLOW_CONN_KLING_DEFAULT='{emulator.connection_uri}'\n")
        sys.stdout.flush()
        signal.sigwait(stop_signals)


# What makes the gateway refuse, be late, or forget: the option, its type, what it is called, what it does.
_LIMITS = (
    (
        *("--parallel-tasks", int, "NUMBER"),
        "refuse a create while so many tasks are unfinished (default: never)",
    ),
    ("--requests-per-second", float, "NUMBER", "refuse requests that come faster (default: never)"),
    (
        *("--units", float, "NUMBER"),
        "units in the resource pack; refuse creates when they are used up (default: no end of them)",
    ),
    (
        *("--status-age-seconds", float, "SECONDS"),
        "how often a relay asks Kling about a task (default: as the real one does)",
    ),
    (
        *("--link-seconds", float, "SECONDS"),
        "how long a link is good (default: 30 days from the end of its task)",
    ),
)


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kling-emulator", description="A Kling gateway on this machine.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8765, help="0 picks a free one (default: %(default)s)")
    add("--gateway", choices=GATEWAYS, default="official", help="default: %(default)s")
    add(
        "--api-key",
        dest="api_keys",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this API key, and no other that is not given too (default: any key but wrong-key)",
    )
    add("--access-key", help="also accept tokens of this issuer (official only)")
    add("--secret-key", help="what those tokens are signed with")
    add(
        "--seconds-per-video",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="from a create to the end of its task (default: %(default)s)",
    )
    for option, kind, metavar, meaning in _LIMITS:
        add(option, type=kind, metavar=metavar, help=meaning)
    add(
        "--proxied-links",
        action="store_true",
        help="the gateway streams the files itself, to its own users (newapi only)",
    )
    return parser
