from __future__ import annotations

import uuid

from kling_emulator.gateways.refusal import RefusalError
from kling_emulator.phrases import phrase

_CODES = {401: 1000, 403: 1103, 404: 1203, 429: 1302, 503: 5001, 504: 5002}


def official_error(status: int, code: int, message: str) -> RefusalError:
    """
    Refuse as Kling does.

    :param status: the HTTP status.
    :param code: Kling's own number for the error.
    :param message: the sentence for it.
    """
    return RefusalError(status, {"code": code, "message": message, "request_id": str(uuid.uuid4())})


def invalid_parameter(message: str) -> RefusalError:
    """
    Refuse a parameter or its value.

    :param message: what is wrong with it.
    """
    return official_error(400, 1201, message)


def error_of_status(status: int) -> RefusalError:
    """
    Refuse with the code that goes with an HTTP status.

    :param status: the HTTP status.
    """
    return official_error(status, _CODES.get(status, 5000 if status >= 500 else 1200), phrase(status))
