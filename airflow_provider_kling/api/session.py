"""The HTTP session of a worker: it sends the key that it was given, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]


def without_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send a request as it is."""
    return request


class Session(requests.Session):
    """
    A session that takes no login from a ``.netrc`` file, neither at first nor when it is redirected.

    :param authorize: Puts the key on a request; by default there is none.
    """

    def __init__(self, authorize: Authorize = without_key) -> None:
        super().__init__()
        self.auth = authorize

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the key away when a redirect leads elsewhere; requests itself would then look into .netrc."""
        if self.should_strip_auth(str(response.request.url), str(prepared_request.url)):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)
