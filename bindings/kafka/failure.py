"""What the client says went wrong, as errors that say what to do."""

from __future__ import annotations

import re
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException

from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, Unavailable

_PERMANENT = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError._INVALID_ARG,
    KafkaError._UNKNOWN_PARTITION,
}
_PROVIDER_AWAY = "Failed to acquire SASL OAUTHBEARER token"  # the identity provider is away, or refuses
_TOPIC_MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}
_WHERE = re.compile(r"^(?:sasl_)?(?:plaintext|ssl)?(?:://)?[^\s/]*/[^\s:]*: ")  # which connection says it


def error_of(failure: KafkaException | KafkaError) -> KafkaError:
    return cast(KafkaError, failure.args[0]) if isinstance(failure, KafkaException) else failure


def event_error(failure: KafkaException | KafkaError, topic: str) -> EventError:
    """Why a message could not be written. Everything that says nothing about the message is waited for."""
    error = error_of(failure)
    message = f"Kafka topic {topic}: {reason(error)}"
    if error.code() in _PERMANENT:
        return Permanent(message)
    if error.code() in _TOPIC_MISSING:
        return Retryable(f"Kafka topic {topic} does not exist: {reason(error)}")
    return Unavailable(message)


def refused(failure: KafkaException) -> DefinitionError:
    """The client takes none of these settings."""
    hint = "the component's metadata; the certificates and keys are in PEM"
    return DefinitionError(f"the Kafka client cannot be made: {reason(error_of(failure))}", hint=hint)


def reason(error: KafkaError) -> str:
    """One line, without the client's own names for its connections."""
    return _WHERE.sub("", error.str()) or error.name()


class Troubles:
    """What the client last said of its connections; it is told on the thread that polls it."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        self._last = ""
        self._refusal = ""
        self.down = False  # no broker was there; whoever finds one again sets it back

    def tell(self, error: KafkaError, *_: Any) -> None:
        """The client's `error_cb`."""
        if error.code() == KafkaError._AUTHENTICATION and not error.str().startswith(_PROVIDER_AWAY):
            self._refusal = reason(error)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.down = True
        else:
            self._last = reason(error)

    def raise_refusal(self) -> None:
        if self._refusal:
            hint = "authType, and the user and password or token that belong to it"
            raise DefinitionError(f"Kafka at {self._brokers} refused the login: {self._refusal}", hint=hint)

    def not_ready(self, what: str = "") -> NotReady:
        return NotReady(f"Kafka at {self._brokers} does not answer: {what or self._refusal or self._last or 'no word'}")
