from __future__ import annotations

import uuid

from airflow_provider_kling.emulator.gateways.base import RefusalError


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
