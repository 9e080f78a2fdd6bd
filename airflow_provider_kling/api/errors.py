"""
The error tree. Each type says by itself what to do next; nobody parses messages.

``retryable`` means: the same call may succeed later, and repeating it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_kling.api.masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable


class KlingError(Exception):
    """
    Whatever can go wrong between a DAG and its video.

    :param message: What happened. Secrets in it are masked.
    :param code: The gateway's own code: a number at Kling, a word at most relays.
    :param http_status: The status of the answer, where there was one.
    :param request_id: The gateway's id of the exchange, for its support.
    :param task_id: The generation concerned, where it is known.
    :param retry_after: Seconds after which the gateway wants to be asked again, where it said so.
    """

    retryable: ClassVar[bool] = False
    remedy: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: int | str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = mask(message)
        super().__init__(self.message)
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.task_id = task_id
        self.retry_after = retry_after

    def hide(self, hide: Callable[[str], str]) -> None:
        """Take secrets that only the caller knows out of the message."""
        self.message = hide(self.message)
        self.args = (self.message,)

    def __str__(self) -> str:
        facts = {
            "Kling task": self.task_id,
            "HTTP": self.http_status,
            "code": self.code,
            "request id": self.request_id,
        }
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
        sentence = mask(f"{self.message} [{known}]") if known else self.message
        return f"{sentence} {self.remedy}" if self.remedy else sentence


class KlingRequestError(KlingError, ValueError):
    """What was asked for breaks a rule; it was found before anything was sent."""

    remedy = "Nothing was submitted."


class KlingConnectionConfigError(KlingError, ValueError):
    """The Airflow connection cannot be used as it stands."""

    remedy = "Nothing was sent."


class KlingAuthError(KlingError):
    """The gateway does not accept the key."""

    remedy = "Check the key in the connection's password (or access key and secret key), and its gateway."


class KlingQuotaError(KlingError):
    """The account has no balance or resource pack left; some gateways say so with HTTP 429."""

    remedy = "Top up the account; trying again before that cannot succeed."


class KlingForbiddenError(KlingError):
    """The key is good, but may not do this."""

    remedy = "Ask the gateway to open this model or endpoint for your key, or this IP address."


class KlingRejectedError(KlingError):
    """The gateway finds the request wrong."""

    remedy = "Change the request as the gateway says; no generation was made."


class KlingPolicyError(KlingError):
    """The gateway's content policy refuses the prompt or an image."""

    remedy = "Change the prompt or the image; the same request will be refused again."


class KlingTaskNotFoundError(KlingError):
    """The gateway does not know the task id."""

    remedy = "Check the id, the connection (another gateway or account has other ids) and the product."


class KlingThrottledError(KlingError):
    """Too many requests, or too many generations at once. Nothing was made."""

    retryable = True
    remedy = "Try again later; a pool that counts deferred tasks keeps a batch below the account's limit."


class KlingServerError(KlingError):
    """The gateway failed while reading; asking again is free."""

    retryable = True
    remedy = "Try again later."


class KlingUnreachableError(KlingError):
    """The gateway could not be reached, or went silent while reading."""

    retryable = True
    remedy = "Check host, port and schema of the connection, and the network; then try again."


class KlingUnreadableAnswerError(KlingError):
    """The answer is not one of a Kling gateway."""

    remedy = "Check the connection's host: a website or a proxy may have answered in the gateway's place."


class KlingOutcomeUnknownError(KlingError):
    """A submission was sent, and whether it made a generation is not known."""

    remedy = (
        "A generation may have been made and may be billed. Look for it in the gateway's console, "
        "and submit again (clear the task) only when it is not there."
    )


class KlingTaskFailedError(KlingError):
    """The generation ended without a video."""

    remedy = "Clear the task that submitted it to generate again."


class KlingModerationError(KlingTaskFailedError):
    """The generation was stopped by moderation."""

    remedy = "Change the prompt or the image; the same request will be stopped again."


class KlingNotEndedError(KlingError):
    """The video of a generation was wanted before there was one."""

    remedy = "Wait for the generation first, with a KlingTaskSensor or wait_for_completion."


class KlingResultMissingError(KlingError):
    """The gateway calls the generation a success and gives no link to its video."""

    remedy = "Ask the gateway's support with the task id; the generation was paid for."


class KlingTargetError(KlingError):
    """The target of a landing cannot be written; it was tried before anything was submitted."""

    retryable = True
    remedy = "Nothing was submitted. Check the path, and the connection and the permissions of its storage."


class KlingMediaError(KlingError):
    """The bytes of a video did not arrive whole, or are no video."""

    retryable = True
    remedy = "Nothing was published; land it again with the same task id, it is not paid again."


class KlingTimeoutError(KlingError):
    """The generation had not ended when the waiting had to."""

    remedy = "The generation goes on and is billed; wait for the same task id again with a longer timeout."
