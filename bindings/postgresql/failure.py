"""What an error of PostgreSQL means for the engine (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from engine.errors import (
    DefinitionError,
    EventError,
    JackfieldError,
    NotReady,
    Permanent,
    Retryable,
    TimedOut,
    Unavailable,
)

_WHO = "check the user and the password of the URL, and the server's pg_hba.conf"
_WHERE = "make the database with `createdb`, or name another one"
_MAY = "the user must own the schema `jackfield`, or may create it in the database"
_HOW = "correct the connection string"
_TLS = "check `sslmode` and the certificates that are trusted"
_LASTING = {  # libpq gives no code for what happens before there is a connection, only the words
    r"role .* does not exist|authentication failed|no password supplied|pg_hba\.conf|not permitted to log in": _WHO,
    r"database .* does not exist": _WHERE,
    r"permission denied": _MAY,
    r"invalid \w+ (value|number)": _HOW,
    r"root certificate|certificate verify failed|does not match host name|does not support SSL": _TLS,
}
# The beginnings of the codes of what may pass; the first that fits counts.
_PASSING: Mapping[type[EventError], tuple[str, ...]] = {
    TimedOut: ("57014",),  # cancelled, by a time limit of the server
    # No connection, no resources, stopped, no disk; and 25006: it has become a standby, and is read-only.
    Unavailable: ("080", "53", "57", "58", "25006"),
    Retryable: ("40", "55", "XX"),  # a deadlock, something that is in use by others, a fault of the server
}


def opening_failure(error: Exception, shown: str, may: str = _MAY) -> JackfieldError:
    """What a person has to put right is a `DefinitionError`, what passes by itself `NotReady`. `may`: what to do when
    the user has not the rights.
    """
    text = _text(error)
    for words, hint in _LASTING.items():
        if re.search(words, text):
            hint = may if hint is _MAY else hint
            return DefinitionError(f"PostgreSQL at {shown} refuses: {text}", hint=hint)
    return NotReady(f"PostgreSQL at {shown} does not answer: {text}")


def failure(error: Exception, shown: str) -> Exception:
    """`Unavailable` for what the server or the network is to blame for; anything else is a bug and stays as it is."""
    if isinstance(error, TimeoutError):
        return Unavailable(f"PostgreSQL at {shown} does not answer")
    # Among the internal ones are data that is damaged, and a server that has become a standby and is read-only.
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        return Unavailable(f"PostgreSQL at {shown} does not answer: {_text(error)}")
    return error


def operation_failure(error: Exception, shown: str) -> EventError:
    """What one operation of a component failed with, a `psycopg.Error` or `TimeoutError`."""
    if isinstance(error, TimeoutError):
        return TimedOut(f"PostgreSQL at {shown} did not answer in time")
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state is None:  # of libpq, or of psycopg itself, for what it could not even send
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable(f"PostgreSQL at {shown} does not answer: {_text(error)}")
        return Permanent(f"PostgreSQL cannot take it: {_text(error)}")
    text = f"PostgreSQL at {shown} refuses: {_text(error)} (SQLSTATE {state})"
    for kind, states in _PASSING.items():
        if state.startswith(states):
            return kind(text)
    return Permanent(text)


def _text(error: Exception) -> str:
    """What the server or libpq said, in one line; it holds no password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    tried = [line for line in lines if " failed: " in line]  # one for each address of the host
    return (tried or lines)[0].rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
