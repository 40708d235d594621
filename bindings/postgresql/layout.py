"""The two layouts of Dapr's state tables: version v1 keeps jsonb, v2 bytes.

Source: components-contrib, common/component/postgresql/v1, state/postgresql/v1 and v2.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from bindings.contract import Change, Item
from bindings.postgresql.migrations import Step, exists, migrate, row_ids
from bindings.postgresql.pool import Connection

Row: TypeAlias = tuple[Any, ...]

_LARGEST_EXPONENT = 300  # PostgreSQL's numbers go further, and Python's do not


class Layout(Protocol):
    """Its statements take the parameters key, value, ttl and etag, and those that `parameters` adds."""

    select: str  # of the keys `keys`; each row is one of `item`
    upsert: str
    insert: str  # only where there is no value
    update: str  # only with the etag
    delete: str
    delete_same: str  # only with the etag
    sweep: str
    mark: str  # the key in the metadata table that says when it was swept

    async def migrate(self, connection: Connection) -> None: ...
    def item(self, row: Row) -> tuple[str, Item]: ...
    def parameters(self, change: Change) -> dict[str, Any] | None:
        """None: nothing can have that etag."""


class JsonLayout:
    """Version v1. The etag is the transaction that wrote the row."""

    mark = "last-cleanup"

    def __init__(self, table: str, metadata_table: str) -> None:
        self._table = table
        self._metadata_table = metadata_table
        live = "(expiredate IS NULL OR expiredate >= CURRENT_TIMESTAMP)"
        expires = "CURRENT_TIMESTAMP + %(ttl)s::float8 * interval '1 second'"
        same = f"key = %(key)s AND xmin = %(etag)s::xid AND {live}"
        columns = """key, isbinary, CASE WHEN isbinary THEN value #>> '{}' ELSE value::text END,
            xmin::text, extract(epoch FROM expiredate)::float8"""
        self.select = f"SELECT {columns} FROM {table} WHERE key = ANY (%(keys)s::text[]) AND {live}"
        self._search = f"SELECT {columns} FROM {table} WHERE NOT isbinary AND {live} AND starts_with(key, %(prefix)s)"
        self.upsert = f"""
            INSERT INTO {table} AS t (key, value, isbinary, expiredate)
            VALUES (%(key)s, %(value)s::jsonb, %(binary)s, {expires})
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, isbinary = excluded.isbinary,
                updatedate = CURRENT_TIMESTAMP, expiredate = excluded.expiredate
        """
        self.insert = f"{self.upsert} WHERE t.expiredate < CURRENT_TIMESTAMP"
        self.update = f"""
            UPDATE {table} SET value = %(value)s::jsonb, isbinary = %(binary)s, updatedate = CURRENT_TIMESTAMP,
                expiredate = {expires}
            WHERE {same}
        """
        self.delete = f"DELETE FROM {table} WHERE key = %(key)s"
        self.delete_same = f"DELETE FROM {table} WHERE {same}"
        self.sweep = f"DELETE FROM {table} WHERE expiredate < now()"

    async def migrate(self, connection: Connection) -> None:
        steps = [self._create, self._add_expiry, row_ids(self._table, "insertdate")]
        await migrate(connection, self._metadata_table, "migrations", steps)

    def search(self, where: str, order: str) -> str:
        """The statement for a `QueryText`."""
        return f"{self._search} AND {where} ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s"

    def item(self, row: Row) -> tuple[str, Item]:
        key, binary, text, etag, expires = row
        return key, Item(base64.b64decode(text) if binary else text.encode(), etag, expires)

    def parameters(self, change: Change) -> dict[str, Any] | None:
        if change.etag is not None and not (
            change.etag.isascii() and change.etag.isdecimal() and len(change.etag) < 10
        ):
            return None
        text = None if change.value is None else _json_text(change.value)
        binary = change.value is not None and text is None
        value = f'"{base64.b64encode(change.value or b"").decode()}"' if binary else text
        return {"key": change.key, "value": value, "binary": binary, "ttl": change.ttl, "etag": change.etag}

    async def _create(self, connection: Connection) -> None:
        if not await exists(connection, self._table):
            await connection.execute(
                f"""
                CREATE TABLE {self._table} (
                    key text NOT NULL PRIMARY KEY,
                    value jsonb NOT NULL,
                    isbinary boolean NOT NULL,
                    insertdate timestamp with time zone NOT NULL DEFAULT now(),
                    updatedate timestamp with time zone NULL
                )
                """.encode()
            )

    async def _add_expiry(self, connection: Connection) -> None:
        await connection.execute(f"ALTER TABLE {self._table} ADD expiredate timestamp with time zone".encode())


class BytesLayout:
    """Version v2. The etag is a random UUID."""

    def __init__(self, prefix: str, metadata_table: str) -> None:
        self._prefix = prefix
        self._table = table = f"{prefix}state"
        self._metadata_table = metadata_table
        self.mark = f"last-cleanup-state-v2-{prefix}"
        live = "(expires_at IS NULL OR expires_at >= now())"
        expires = "now() + %(ttl)s::float8 * interval '1 second'"
        same = f"key = %(key)s AND etag = %(etag)s::uuid AND {live}"
        self.select = f"""
            SELECT key, value, etag::text, extract(epoch FROM expires_at)::float8
            FROM {table} WHERE key = ANY (%(keys)s::text[]) AND {live}
        """
        self.upsert = f"""
            INSERT INTO {table} AS t (key, value, etag, expires_at)
            VALUES (%(key)s, %(value)s, gen_random_uuid(), {expires})
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, etag = excluded.etag, updated_at = now(),
                expires_at = excluded.expires_at
        """
        self.insert = f"{self.upsert} WHERE t.expires_at < now()"
        self.update = f"""
            UPDATE {table} SET value = %(value)s, etag = gen_random_uuid(), updated_at = now(), expires_at = {expires}
            WHERE {same}
        """
        self.delete = f"DELETE FROM {table} WHERE key = %(key)s"
        self.delete_same = f"DELETE FROM {table} WHERE {same}"
        self.sweep = f"DELETE FROM {table} WHERE expires_at < now()"

    async def migrate(self, connection: Connection) -> None:
        steps: list[Step] = [self._create, row_ids(self._table, "created_at")]
        await migrate(connection, self._metadata_table, f"migrations-state-v2-{self._prefix}", steps)

    def item(self, row: Row) -> tuple[str, Item]:
        key, value, etag, expires = row
        return key, Item(value, etag, expires)

    def parameters(self, change: Change) -> dict[str, Any] | None:
        try:
            etag = str(UUID(change.etag)) if change.etag is not None else None
        except ValueError:
            return None
        return {"key": change.key, "value": change.value, "ttl": change.ttl, "etag": etag}

    async def _create(self, connection: Connection) -> None:
        if await exists(connection, self._table):
            return
        await connection.execute(
            f"""
            CREATE TABLE {self._table} (
                key text NOT NULL PRIMARY KEY,
                value bytea NOT NULL,
                etag uuid NOT NULL DEFAULT gen_random_uuid(),
                created_at timestamp with time zone NOT NULL DEFAULT now(),
                updated_at timestamp with time zone,
                expires_at timestamp with time zone
            )
            """.encode()
        )
        await connection.execute(f"CREATE INDEX ON {self._table} (expires_at)".encode())


def _is_transaction(etag: str) -> bool:
    return etag.isascii() and etag.isdecimal() and int(etag) < 2**32


def _json_text(value: bytes) -> str | None:
    """The value as jsonb can hold it; None: as bytes, because it is no JSON, or has what jsonb refuses."""
    try:
        text = value.decode()
        parsed = json.loads(text, parse_constant=_refuse, parse_float=_float)
        if "\\u" in text:  # an escape may stand for a NUL or for half a surrogate pair
            unescaped = json.dumps(parsed, ensure_ascii=False)
            unescaped.encode()
            return None if "\\u0000" in unescaped else text
    except (ValueError, RecursionError):
        return None
    return text


def _refuse(name: str) -> None:
    raise ValueError(name)


def _float(text: str) -> float:
    if abs(Decimal(text).adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(text)
    return float(text)
