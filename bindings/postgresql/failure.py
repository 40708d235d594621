"""What an error of PostgreSQL means for the engine (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations

import re

import psycopg

from engine.errors import DefinitionError, JackfieldError, NotReady, Unavailable

_WHO = "check the user and the password of the URL, and the server's pg_hba.conf"
_WHERE = "make the database with `createdb`, or name another one"
_MAY = "the user must own the schema `jackfield`, or may create it in the database"
_LASTING = {  # libpq gives no code for what happens before there is a connection, only the words
    r"role .* does not exist|authentication failed|no password supplied|pg_hba\.conf|not permitted to log in": _WHO,
    r"database .* does not exist": _WHERE,
    r"permission denied": _MAY,
}


def opening_failure(error: psycopg.Error, shown: str) -> JackfieldError:
    """What a person has to put right is a `DefinitionError`, what passes by itself `NotReady`."""
    text = _text(error)
    for words, hint in _LASTING.items():
        if re.search(words, text):
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
    """What the server or libpq said, in one line; it holds no password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    tried = [line for line in lines if " failed: " in line]  # one for each address of the host
    return (tried or lines)[0].rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
