from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class RefusalError(Exception):
    """
    An answer that is not a success.

    :param status: the HTTP status.
    :param body: the JSON body.
    """

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
