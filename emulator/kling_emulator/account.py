"""One account with Kling: its keys, its tasks, how much it may ask for, and the links to its files."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from urllib.parse import urlencode

from kling_emulator.tasks import State, TaskSnapshot, VideoRequest, VideoTask

WRONG_KEY = "wrong-key"
"""Refused whatever the settings, so that anybody can see what a refusal looks like."""
FILES_PATH = "/files/"
_KEPT_FOR = 30 * 24 * 3600
"""Seconds for which Kling keeps a video after its task's end."""
_UNITS_SHOWN_WITHOUT_A_LIMIT = 1000.0


@dataclass(frozen=True)
class Keys:
    """
    The keys that are accepted.

    :param api_keys: the API keys; when empty, any key but :data:`WRONG_KEY` is one.
    :param access_key: the ``iss`` of the JSON Web Tokens that are accepted.
    :param secret_key: what those tokens are signed with.
    """

    api_keys: tuple[str, ...] = ()
    access_key: str | None = None
    secret_key: str | None = None

    def __post_init__(self) -> None:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("an access key and a secret key belong together")

    def accept(self, api_key: str) -> bool:
        if api_key == WRONG_KEY:
            return False
        return api_key in self.api_keys if self.api_keys else bool(api_key)


def bearer_token(authorization: str) -> str | None:
    """Read the token out of an Authorization header; None if it is no ``Bearer`` header, or an empty one."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Limit(Enum):
    """What is exceeded: Kling's HTTP status, code and sentence for it."""

    RATE = 429, 1302, "Too many requests, please slow down"
    PARALLEL = 429, 1303, "parallel task over resource pack limit"
    UNITS = 429, 1102, "Account balance not enough"


@dataclass(frozen=True)
class Counters:
    """How often each thing happened. What comes without a valid key counts as a connection only."""

    creates_received: int = 0
    """Requests for a generation, those refused for their body included."""
    creates_accepted: int = 0
    """Generations that exist: each would have cost money."""
    polls: int = 0
    """Queries about one task, and lists of tasks."""
    downloads: int = 0
    """Transfers of a video begun."""
    connections: int = 0
    """TCP connections accepted, those that ask for these counters included."""


class Account:
    """
    All that is remembered of an account. It outlives a stop and a start of the server.

    Only the server's thread writes. Other threads read what is replaced whole (the counters) or copied
    in one step (the lists).

    :param keys: what opens it.
    :param seconds_per_video: seconds from a task's creation to its end, or what gives those of the next task.
    :param parallel_tasks: how many tasks may be unfinished at once; None for any number.
    :param requests_per_second: how many requests are answered in a second; None for any number.
    :param units: how many were bought, of which a task that succeeds takes its price; None for no limit.
    """

    def __init__(
        self,
        keys: Keys,
        seconds_per_video: float | Callable[[], float],
        *,
        parallel_tasks: int | None = None,
        requests_per_second: float | None = None,
        units: float | None = None,
    ) -> None:
        self.keys = keys
        self.total_units = float(_UNITS_SHOWN_WITHOUT_A_LIMIT if units is None else units)
        self._seconds_per_video = seconds_per_video
        self._parallel_tasks = parallel_tasks
        self._rate = requests_per_second
        self._has_limited_units = units is not None
        self.reset()

    def reset(self) -> None:
        """Forget everything that happened."""
        self.counters = Counters()
        self._creates: list[dict[str, Any] | None] = []
        self._tasks: dict[str, VideoTask] = {}
        # The bucket holds what may come in one burst: a second's worth, and one request at least.
        self._tokens = max(1.0, self._rate or 0)
        self._counted_at = time.monotonic()

    def count(self, counter: str) -> None:
        """Add one to a counter, by the name of its field."""
        self.counters = replace(self.counters, **{counter: getattr(self.counters, counter) + 1})

    def receive(self, body: dict[str, Any] | None) -> None:
        """Record a create, before anything is known of its worth: its JSON object, or None if it has none."""
        self.count("creates_received")
        self._creates.append(body)

    def accept(self, task_id: str, request: VideoRequest) -> VideoTask:
        """Make a task."""
        self.count("creates_accepted")
        lasts = self._seconds_per_video() if callable(self._seconds_per_video) else self._seconds_per_video
        self._tasks[task_id] = VideoTask(task_id=task_id, request=request, lasts=lasts)
        return self._tasks[task_id]

    def find(self, task_id: str) -> VideoTask | None:
        """Look a task up by the id that its gateway gave it."""
        return self._tasks.get(task_id)

    def find_external(self, external_task_id: str) -> VideoTask | None:
        """Look a task up by the id that its create gave it."""
        tasks = self._tasks.values()
        return next((task for task in tasks if task.request.external_task_id == external_task_id), None)

    def tasks(self) -> list[VideoTask]:
        """List every task, oldest first."""
        return list(self._tasks.values())

    def snapshots(self) -> list[TaskSnapshot]:
        """Describe every task as it is now, oldest first."""
        return [task.snapshot() for task in self.tasks()]

    def creates(self) -> list[dict[str, Any] | None]:
        """List the body of every create, oldest first."""
        return list(self._creates)

    def is_too_fast(self) -> bool:
        """Count a request, and tell whether it came too soon."""
        if self._rate is None:
            return False
        now = time.monotonic()
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def limit_of_a_create(self) -> Limit | None:
        """Tell which limit forbids one task more; None if none does."""
        if self.is_out_of_units:
            return Limit.UNITS
        unfinished = sum(not task.state.is_final for task in self.tasks())
        if self._parallel_tasks is not None and unfinished >= self._parallel_tasks:
            return Limit.PARALLEL
        return None

    @property
    def remaining_units(self) -> float:
        spent = sum(task.request.units for task in self.tasks() if task.state is State.SUCCEEDED)
        # Rounded: three times 0.6 units are 1.8, not a little less.
        return max(0.0, round(self.total_units - spent, 6))

    @property
    def is_out_of_units(self) -> bool:
        return self._has_limited_units and self.remaining_units == 0


class LinkSigner:
    """
    Signs the URLs of finished videos as a content delivery network does, with a secret of its own.

    :param link_seconds: how long a link is good after it was given out; None for as long as Kling keeps
        the video.
    """

    def __init__(self, link_seconds: float | None = None) -> None:
        self._link_seconds = link_seconds
        self._secret = secrets.token_bytes(32)

    def path(self, task: VideoTask) -> str:
        """Give path and query string of a task's file; the host is whichever the caller reached."""
        if self._link_seconds is None:
            expires = str(int(task.created_at + task.lasts) + _KEPT_FOR)
        else:
            expires = f"{time.time() + self._link_seconds:.3f}"
        signature = self._signature(task.task_id, expires)
        return f"{FILES_PATH}{task.task_id}.mp4?{urlencode({'Expires': expires, 'Signature': signature})}"

    def is_good(self, token: str, query: Mapping[str, str]) -> bool:
        """
        Tell whether a link is one that was given out, and not too long ago.

        :param token: the name of the file in it.
        :param query: its query string.
        """
        expires = query.get("Expires", "")
        expected = self._signature(token, expires)
        # As bytes: compare_digest() refuses to compare text outside ASCII.
        is_genuine = hmac.compare_digest(expected.encode(), query.get("Signature", "").encode())
        return is_genuine and time.time() < float(expires)

    def _signature(self, token: str, expires: str) -> str:
        return hmac.new(self._secret, f"{token}?{expires}".encode(), hashlib.sha256).hexdigest()
