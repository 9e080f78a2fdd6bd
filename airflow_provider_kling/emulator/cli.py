"""``kling-emulator``: the emulator on the command line."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from airflow_provider_kling.emulator.emulator import KlingEmulator
from airflow_provider_kling.emulator.gateways import GATEWAYS

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
        emulator = KlingEmulator(
            gateway=arguments.gateway,
            seconds_per_video=arguments.seconds_per_video,
            api_keys=arguments.api_keys,
            host=arguments.host,
            port=arguments.port,
            access_key=arguments.access_key,
            secret_key=arguments.secret_key,
        )
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
    return parser
