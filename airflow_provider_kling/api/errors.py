"""
The error tree. Each type says by itself what to do next; nobody parses messages.

``retryable`` means: the same call may succeed later, and repeating it costs nothing. ``spent`` says
whether money may have been spent on what the error is about.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from airflow_provider_kling.api.masking import mask

LONGEST_FACT = 100


class Spent(StrEnum):
    """Whether money has been spent on the generation that an error is about."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class KlingError(Exception):
    """
    Whatever can go wrong between a DAG and its video.

    :param message: What happened. Secrets in it are masked, and it is cut where it is very long.
    :param code: The gateway's own code: a number at Kling, a word at most relays.
    :param http_status: The status of the answer, where there was one.
    :param request_id: The gateway's id of the exchange, for its support.
    :param gateway: The kind of gateway that was asked, where one was.
    :param task_id: The generation concerned, where it is known.
    :param retry_after: Seconds after which the gateway wants to be asked again, where it said so.
    """

    retryable: ClassVar[bool] = False
    remedy: ClassVar[str] = ""
    costs: ClassVar[Spent] = Spent.NO

    def __init__(
        self,
        message: str,
        *,
        code: int | str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        gateway: str | None = None,
        task_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = mask(message)
        super().__init__(self.message)
        self.code = mask(code, LONGEST_FACT) if isinstance(code, str) else code
        self.http_status = http_status
        self.request_id = mask(request_id, LONGEST_FACT) if request_id else None
        self.gateway = gateway
        self.task_id = task_id
        self.retry_after = retry_after

    @property
    def spent(self) -> Spent:
        """Whether money has been spent: a generation that has an id is, or will be, billed."""
        return Spent.YES if self.task_id and self.costs is Spent.NO else self.costs

    def __str__(self) -> str:
        facts = {
            "gateway": self.gateway,
            "Kling task": self.task_id,
            "HTTP": self.http_status,
            "code": self.code,
            "request id": self.request_id,
        }
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
        sentence = f"{self.message} [{known}]" if known else self.message
        return f"{sentence} {self.remedy}" if self.remedy else sentence


class KlingRequestError(KlingError, ValueError):
    """What was asked for breaks a rule; it was found before anything was sent."""

    remedy = "Nothing was submitted."


class KlingConnectionConfigError(KlingError, ValueError):
    """The Airflow connection cannot be used as it stands."""

    remedy = "Nothing was sent."


class KlingAuthError(KlingError):
    """The gateway does not accept the key."""

    remedy = (
        "Check the key in the connection's password (or access key and secret key), and that the host is the "
        "one that gave it out: Kling's keys for Singapore and Beijing are not the same."
    )


class KlingClockError(KlingAuthError):
    """The gateway finds our token not valid yet, or expired; it was signed anew once, and refused again."""

    remedy = "Set the clock of this machine (NTP): a token is valid from now on, by this machine's clock."


class KlingRelayKeyError(KlingError):
    """The gateway accepts our key, and Kling does not accept the gateway's."""

    remedy = "Tell the gateway's support that its own key at Kling is refused; yours is good."


class KlingQuotaError(KlingError):
    """The account has no balance or resource pack left; some gateways say so with HTTP 429."""

    remedy = "Top up the account; trying again before that cannot succeed."


class KlingForbiddenError(KlingError):
    """The key is good, but may not do this."""

    remedy = "Ask the gateway to open this model or endpoint for your key, or this IP address."


class KlingRejectedError(KlingError):
    """The gateway finds the request wrong."""

    remedy = "Change the request as the gateway says; no generation was made."


class KlingDuplicateError(KlingRejectedError):
    """The gateway already has a generation with this external task id."""

    remedy = "Find the generation by its external task id and take it over; this attempt cost nothing."
    costs = Spent.YES


class KlingUnsupportedError(KlingError):
    """The gateway has no such call."""

    remedy = "Nothing was sent. Use a gateway that can do it, such as Kling's own API."


class KlingPolicyError(KlingError):
    """The gateway's content policy refuses the prompt or an image."""

    remedy = "Change the prompt or the image; the same request will be refused again."


class KlingTaskNotFoundError(KlingError):
    """The gateway does not know the task id."""

    remedy = "Check the id, the connection (another gateway or account has other ids) and the product."
    costs = Spent.MAYBE


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
    """The answer is not one of a Kling gateway, or was cut on its way; asking again is free."""

    retryable = True
    remedy = "Check the connection's host: a website or a proxy may have answered in the gateway's place."


class KlingOutcomeUnknownError(KlingError):
    """A submission was sent, and whether it made a generation is not known."""

    remedy = (
        "A generation may have been made and may be billed. Look for it in the gateway's console, and submit "
        "again only when it is not there: clear the task, or set on_unknown_outcome='resubmit'."
    )
    costs = Spent.MAYBE


class KlingUnsettledError(KlingError):
    """A submission was sent, and the next try finds out, or risks, whether it made a generation."""

    retryable = True
    remedy = "A generation may have been made. The next try looks for it first, or submits as it was told to."
    costs = Spent.MAYBE


class KlingUnrecordedError(KlingError):
    """A generation was submitted, and its id could not be recorded: the next try would not know of it."""

    remedy = "Wait for it with a KlingTaskSensor; a cleared task submits another one."
    costs = Spent.YES


class KlingTaskFailedError(KlingError):
    """The generation ended without a video."""

    remedy = "Clear the task that submitted it to generate again."
    costs = Spent.MAYBE


class KlingModerationError(KlingTaskFailedError):
    """The generation was stopped by moderation."""

    remedy = "Change the prompt or the image; the same request will be stopped again."


class KlingNotEndedError(KlingError):
    """The video of a generation was wanted before there was one."""

    remedy = "Wait for the generation first, with a KlingTaskSensor or wait_for_completion."
    costs = Spent.YES


class KlingResultMissingError(KlingError):
    """The gateway calls the generation a success and gives no link to its video."""

    remedy = "Ask the gateway's support with the task id; the generation was paid for."
    costs = Spent.YES


class KlingTargetError(KlingError):
    """The target of a landing cannot be written; it was tried before anything was submitted."""

    retryable = True
    remedy = "Nothing was submitted by this try. Check the path, and its connection and permissions."


class KlingMediaError(KlingError):
    """The bytes of a video did not arrive whole, or are no video."""

    retryable = True
    remedy = "Nothing was published; land it again with the same task id, it is not paid again."
    costs = Spent.YES


class KlingTimeoutError(KlingError):
    """The generation had not ended when the waiting had to."""

    remedy = (
        "The generation goes on and is billed; a cleared task, or a new sensor with its id, takes it over."
    )
    costs = Spent.YES
