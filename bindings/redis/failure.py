"""The errors of the client library, as the engine understands them."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,
)

from engine.errors import DefinitionError, EventError, JackfieldError, NotReady, Permanent, TimedOut, Unavailable

FAILURES = (RedisError, RedisClusterException, OSError)
"""All that a command may raise."""

# What a server says while it starts, fails over, is full, or has lost a part of its cluster.
_PASSING = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "BUSY ")
_REFUSED = ("WRONGPASS", "NOAUTH", "invalid username-password", "invalid password", "Authentication required")


def is_passing(error: BaseException) -> bool:
    """Whether the server is not there for this command, and will be again."""
    kinds = (ConnectionError, OSError, BusyLoadingError, ReadOnlyError, OutOfMemoryError, ClusterDownError)
    text = str(error)
    if isinstance(error, RedisClusterException):
        return "same key slot" not in text
    return isinstance(error, kinds) or text.startswith(_PASSING)


def refused(error: BaseException) -> bool:
    """Whether the login was refused."""
    kinds = (AuthenticationError, AuthorizationError)
    return isinstance(error, kinds) or any(text in str(error) for text in _REFUSED)


def of_opening(error: BaseException, shown: str) -> JackfieldError:
    """What an error at open or at reading means; the text of Redis never holds a password."""
    if refused(error):
        return DefinitionError(f"Redis at {shown} refused the login", hint="check redisUsername and redisPassword")
    if isinstance(error, NoPermissionError):
        return DefinitionError(f"Redis at {shown}: {error}", hint="give the user of redisUsername this permission")
    if isinstance(error, TimeoutError) or is_passing(error):
        return NotReady(f"Redis at {shown} does not answer: {reason(error)}")
    return DefinitionError(f"Redis at {shown}: {reason(error)}")


def of_operation(error: BaseException, shown: str) -> EventError:
    """What an error of one command means for its event."""
    text = f"Redis at {shown}: {reason(error)}"
    if isinstance(error, TimeoutError):
        return TimedOut(text)
    return Unavailable(text) if is_passing(error) or refused(error) else Permanent(text)


def reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
