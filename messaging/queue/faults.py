"""Why a broker cannot be used, for a person: what waiting may mend is told from what it never will."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from amqp import exceptions as amqp
from redis import exceptions as redis

from messaging.errors import MessagingError, QueueError, SettingsError
from messaging.patience import Hung

_LATE = (Hung, TimeoutError, redis.TimeoutError)
_LETS_NOBODY_IN = (amqp.AccessRefused, redis.AuthenticationError, redis.AuthenticationWrongNumberOfArgsError)


def told(error: BaseException, seconds: float) -> MessagingError:
    """A QueueError, or a SettingsError where only another url, or another broker, can help.

    `seconds` is how long was waited. It tells no words of the broker's or a library's: they may have the password in
    them.
    """
    kinds = list(_behind(error))
    for each in kinds:
        if isinstance(each, ssl.SSLCertVerificationError):
            return SettingsError(
                f"[queue] url: the broker's certificate is not to be trusted: {each.verify_message.rstrip('.')}",
                hint="for an authority of your own, say which: ?ssl_ca_certs=/path/ca.pem",
            )
        if isinstance(each, _LETS_NOBODY_IN):
            return SettingsError(
                f"[queue] url: the broker lets nobody in by that name and password ({type(each).__name__})"
            )
        if isinstance(each, amqp.NotAllowed) and "limit" not in str(each):  # too many connections end some day
            return SettingsError("[queue] url: the broker has no such vhost, or none for that user")
        if isinstance(each, redis.ResponseError) and "DB index" in str(each):
            return SettingsError("[queue] url: the broker has no database of that number")
    hint = "messages wait in the store, and go when it is back"
    if any(isinstance(each, _LATE) for each in kinds):
        return QueueError(f"the broker did not answer within {seconds:g} s", hint=hint)
    cause = error.__cause__ or error
    return QueueError(f"the broker cannot be reached: {type(cause).__name__}", hint=hint)


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
