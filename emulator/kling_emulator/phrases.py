from __future__ import annotations

from http import HTTPStatus


def phrase(status: int) -> str:
    """
    Name an HTTP status, as servers do in their pages and errors.

    :param status: any of 100 to 599; content delivery networks make up some of their own.
    """
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
