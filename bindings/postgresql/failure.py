"""What an error of PostgreSQL means for the engine (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations

import psycopg

from engine.errors import DefinitionError, JackfieldError, NotReady, Unavailable

_HINTS = {
    "28": "check the user and the password of the URL, and the server's pg_hba.conf",
    "3D": "make the database with `createdb`, or name another one",
    "42501": "the user must own the schema `jackfield`, or may create it in the database",
}


def opening_failure(error: psycopg.Error, shown: str) -> JackfieldError:
    """What a person has to put right is a `DefinitionError`, what passes by itself `NotReady`."""
    state = error.sqlstate or ""
    text = _text(error)
    hint = _HINTS.get(state[:2]) or _HINTS.get(state)
    if hint is None and "authentication failed" in text:  # the server says so before there is a state
        hint = _HINTS["28"]
    if hint is None and "does not exist" in text and "database" in text:
        hint = _HINTS["3D"]
    if hint is not None:
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


def _text(error: Exception) -> str:
    """The server's words in one line; libpq names the address and never the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).removeprefix("FATAL:").strip()
