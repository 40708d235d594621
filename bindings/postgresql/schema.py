"""The tables, by version: the table `version` says how many of the migrations a database has seen."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from engine.errors import DefinitionError

APPLICATION_NAME = "jackfield"  # of each connection of an engine, in pg_stat_activity

# Ids sort as the bytes that they are, whatever the locale of the database. `seq` is never used twice, so that the pair
# of `seq` and `deliveries` tells one delivery from every other. `visible_at` is when a message may be given out, by the
# clock of the server: those of several engines may differ. JSON is kept as text, in which everything has a form.
# `key` is what text.py makes of an id or a name that may be long.
_FIRST = """
    CREATE TABLE jackfield.messages (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        queue text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        id text NOT NULL,
        data bytea,
        attributes text NOT NULL,
        metadata text NOT NULL,
        visible_at timestamptz NOT NULL DEFAULT '-infinity',
        deliveries integer NOT NULL DEFAULT 0,
        UNIQUE (queue, key)
    );
    CREATE INDEX messages_in_order ON jackfield.messages (queue, seq);
    CREATE INDEX messages_by_time ON jackfield.messages (queue, visible_at);
    CREATE TABLE jackfield.marks (
        scope text COLLATE "C",
        key text COLLATE "C",
        name text NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (scope, key)
    );
    CREATE TABLE jackfield.dead_letters (
        id text COLLATE "C" PRIMARY KEY,
        pipeline text COLLATE "C" NOT NULL,
        revision text NOT NULL,
        stage text NOT NULL,
        event text NOT NULL,
        event_data bytea,
        origin text NOT NULL,
        origin_data bytea,
        metadata text NOT NULL,
        error text NOT NULL,
        folded_error text NOT NULL,
        status integer,
        body bytea,
        attempts integer NOT NULL,
        time double precision NOT NULL,
        key text
    );
    CREATE INDEX dead_letters_by_pipeline ON jackfield.dead_letters (pipeline, id);
    CREATE INDEX dead_letters_by_key ON jackfield.dead_letters USING hash (key) WHERE key IS NOT NULL;
    CREATE INDEX dead_letters_by_time ON jackfield.dead_letters (time);
    CREATE TABLE jackfield.ledger (
        scope text COLLATE "C",
        key text COLLATE "C",
        claimed_at double precision NOT NULL,
        committed_at double precision,
        PRIMARY KEY (scope, key)
    );
    CREATE INDEX ledger_by_age ON jackfield.ledger (scope, coalesce(committed_at, claimed_at));
"""
_MIGRATIONS: Sequence[str] = (_FIRST,)
# After a crash nobody waits for claims to expire, and nothing overtakes what was claimed, if no other engine lives.
_FREE_CLAIMS = """
    UPDATE jackfield.messages SET visible_at = '-infinity' WHERE visible_at > '-infinity' AND NOT EXISTS (
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = %s AND pid <> pg_backend_pid()
    )
"""
_LOCK = 0x6A61636B  # any number; engines that start at once migrate one after the other


async def migrate(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Brings a database up to date; raises `DefinitionError` for one of a later Jackfield."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        version = await _version(connection)
        if version > len(_MIGRATIONS):
            hint = "install that version again, or use another database"
            raise DefinitionError("the schema jackfield was made by a later version of Jackfield", hint=hint)
        for migration in _MIGRATIONS[version:]:
            await connection.execute(migration)
        if version < len(_MIGRATIONS):
            await connection.execute("UPDATE jackfield.version SET version = %s", (len(_MIGRATIONS),))
        await connection.execute(_FREE_CLAIMS, (APPLICATION_NAME,))


async def _version(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> int:
    if await is_there(connection):
        row = await (await connection.execute("SELECT version FROM jackfield.version")).fetchone()
        return int(str(row[0])) if row else 0
    # Only then: who may use the schema need not be allowed to make one.
    await connection.execute("CREATE SCHEMA IF NOT EXISTS jackfield")
    await connection.execute("CREATE TABLE jackfield.version (version integer NOT NULL)")
    await connection.execute("INSERT INTO jackfield.version VALUES (0)")
    return 0


async def is_there(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    found = await connection.execute("SELECT to_regclass('jackfield.version') IS NOT NULL")
    row = await found.fetchone()
    return bool(row and row[0])
