"""``kling-emulator``: the emulator on the command line."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from kling_emulator.emulator import KlingEmulator
from kling_emulator.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    except (OSError, ModuleNotFoundError) as obstacle:
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


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="kling-emulator", description="A Kling gateway on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--gateway", choices=GATEWAYS, default="official", help="default: %(default)s")
    parser.add_argument(
        "--api-key",
        dest="api_keys",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this API key, and no other that is not given too (default: any key but wrong-key)",
    )
    parser.add_argument("--access-key", help="also accept tokens of this issuer (official only)")
    parser.add_argument("--secret-key", help="what those tokens are signed with")
    parser.add_argument(
        "--seconds-per-video",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="from a create to the end of its task (default: %(default)s)",
    )
    _add_limits(parser)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """Add what makes the gateway refuse, be late, or forget."""
    parser.add_argument(
        "--parallel-tasks",
        type=int,
        metavar="NUMBER",
        help="refuse a create while so many tasks are unfinished (default: never)",
    )
    parser.add_argument(
        "--requests-per-second",
        type=float,
        metavar="NUMBER",
        help="refuse requests that come faster (default: never)",
    )
    parser.add_argument(
        "--units",
        type=float,
        metavar="NUMBER",
        help="units in the resource pack; refuse creates when they are used up (default: no end of them)",
    )
    parser.add_argument(
        "--status-age-seconds",
        type=float,
        metavar="SECONDS",
        help="how often a relay asks Kling about a task (default: as the real one does)",
    )
    parser.add_argument(
        "--link-seconds",
        type=float,
        metavar="SECONDS",
        help="how long a link is good (default: 30 days from the end of its task)",
    )
    parser.add_argument(
        "--proxied-links",
        action="store_true",
        help="the gateway streams the files itself, to its own users (newapi only)",
    )
