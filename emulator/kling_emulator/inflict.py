"""Lets a fault befall one answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from aiohttp import web

from kling_emulator.faults import Kind
from kling_emulator.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kling_emulator.faults import Fault

Answer = web.StreamResponse


async def inflict(
    fault: Fault | None,
    request: web.Request,
    answer: Callable[[], Awaitable[Answer]],
    error: Callable[[int], Answer],
) -> Answer:
    """
    Answer a request, with a fault.

    :param fault: what shall go wrong; None for nothing.
    :param request: the request.
    :param answer: does what was asked for, and gives the true answer, which may be a refusal.
    :param error: gives the server's own error of an HTTP status.
    """
    if fault is None:
        return await answer()
    match fault.kind:
        case Kind.ERROR_BEFORE:
            return error(fault.status)
        case Kind.CUT_BEFORE:
            return _hang_up(request, web.Response())
        case Kind.HTML:
            return _html(fault.status)
        case Kind.ANSWER:
            return _literal(fault)
        case Kind.SLOW:
            await asyncio.sleep(fault.seconds)
    true_answer = await answer()
    match fault.kind:
        case Kind.ERROR_AFTER:
            return error(fault.status)
        case Kind.CUT_AFTER:
            return _hang_up(request, true_answer)
        case Kind.HTML_AFTER:
            return _html(fault.status)
        case Kind.TRUNCATED:
            return _truncated(true_answer)
        case Kind.SHORT_BODY:
            return await _short(request, true_answer)
    return true_answer


def _html(status: int) -> web.Response:
    title = f"{status} {phrase(status)}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def _literal(fault: Fault) -> web.Response:
    is_text = isinstance(fault.body, str)
    body = fault.body if is_text else json.dumps(fault.body)
    content_type = "text/plain" if is_text else "application/json"
    headers = {"Content-Type": f"{content_type}; charset=utf-8"}
    # In any case of letters: otherwise the two types would both be sent.
    given = {name.title(): text for name, text in fault.headers.items()}
    return web.Response(status=fault.status, body=body.encode(errors="replace"), headers={**headers, **given})


def _truncated(answer: Answer) -> Answer:
    body = _bytes_of(answer)
    return web.Response(status=answer.status, body=body[: len(body) // 2], content_type=answer.content_type)


async def _short(request: web.Request, answer: Answer) -> Answer:
    """Promise the whole body, send half of it, hang up."""
    body = _bytes_of(answer)
    response = web.StreamResponse(status=answer.status)
    response.content_type = answer.content_type
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    return _hang_up(request, response)


def _bytes_of(answer: Answer) -> bytes:
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    return answer.body


def _hang_up(request: web.Request, answer: Answer) -> Answer:
    """Close the request's connection, once what was written to it is sent."""
    if request.transport is not None:
        request.transport.close()
    return answer
