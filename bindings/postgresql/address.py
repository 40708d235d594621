"""Where a component's database is: Dapr's metadata as libpq understands it.

Dapr connects with pgx, whose connection strings have settings that libpq does not know
(https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#ParseConfig).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bindings.metadata import parse_duration
from bindings.postgresql.metadata import PostgreSqlMetadata
from bindings.postgresql.pool import DEFAULTS, Pool
from engine.errors import DefinitionError

_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)")
_OF_PGX = {"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity"}
_IDLE = 1800.0  # seconds: pgx's own


@dataclass(frozen=True, slots=True)
class Address:
    """A database, and how to connect to it. `shown` holds no secret."""

    conninfo: str
    shown: str
    pool: Mapping[str, str]  # what the connection string says of the pool

    @classmethod
    def of(cls, metadata: PostgreSqlMetadata, component: str) -> Address:
        """Raises `DefinitionError` for a connection string that cannot be understood."""
        secret = metadata.connection_string or metadata.url
        libpq, pool = _split(secret.get_secret_value() if secret else "")
        try:
            given = conninfo_to_dict(libpq)
        except psycopg.ProgrammingError:
            hint = "write it like postgresql://user:password@host:5432/database, or host=... user=... dbname=..."
            # Not `from` the error: its words repeat parts of the string, in which there may be a password.
            raise DefinitionError("connectionString cannot be understood", hint=hint) from None
        fields = {
            "host": metadata.host,
            "hostaddr": metadata.hostaddr,
            "port": metadata.port,
            "dbname": metadata.database,
            "user": metadata.user,
            "password": metadata.password.get_secret_value() if metadata.password else None,
            "sslrootcert": metadata.ssl_root_cert,
        }
        own = {**DEFAULTS, "application_name": f"jackfield {component}"}
        parts = {**own, **given, **{name: value for name, value in fields.items() if value is not None}}
        host = parts.get("host") or parts.get("hostaddr") or "localhost"
        shown = f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"
        return cls(make_conninfo("", **parts), shown, pool)


def pool_of(metadata: PostgreSqlMetadata, address: Address, idle: float | None = None) -> Pool:
    """The pool of a component, not opened. `idle`: seconds, where the metadata says nothing."""
    told = address.pool.get("pool_max_conns", "")
    usual = int(told) if told.isdecimal() and int(told) else max(4, os.cpu_count() or 1)
    mode = metadata.query_exec_mode or address.pool.get("default_query_exec_mode", "")
    return Pool(
        address.conninfo,
        size=metadata.max_conns if metadata.max_conns > 0 else usual,
        timeout=metadata.patience,
        idle=metadata.connection_max_idle_time or idle or _idle_time(address.pool),
        prepared=mode in ("", "cache_statement"),
    )


def _idle_time(pool: Mapping[str, str]) -> float:
    try:
        return parse_duration(pool["pool_max_conn_idle_time"])
    except (KeyError, ValueError):
        return _IDLE


def _split(text: str) -> tuple[str, dict[str, str]]:
    """A connection string for libpq, and the settings that only pgx knows."""
    is_url = text.startswith(("postgres://", "postgresql://"))
    base, _, query = text.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True) if is_url else _PAIR.findall(text)
    if not is_url and _PAIR.sub("", text).strip():
        return text, {}  # libpq says what is wrong with it
    of_pgx = {name: value for name, value in pairs if name.startswith("pool_") or name in _OF_PGX}
    rest = [("dbname" if name == "database" else name, value) for name, value in pairs if name not in of_pgx]
    if is_url:
        return f"{base}?{urlencode(rest, quote_via=quote)}", of_pgx
    return " ".join(f"{name}={value}" for name, value in rest), of_pgx
