from __future__ import annotations

from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from bindings.postgresql.address import Address
from bindings.postgresql.metadata import PostgreSqlMetadata
from bindings.postgresql.pool import DEFAULTS
from engine.errors import DefinitionError

ALWAYS = {**{name: str(value) for name, value in DEFAULTS.items()}, "application_name": "jackfield shop"}


def address(text: str | None = None, **fields: Any) -> Address:
    metadata = {"connectionString": text, **fields}
    return Address.of(PostgreSqlMetadata.model_validate(metadata), "shop")


def parts(text: str | None = None, **fields: Any) -> dict[str, Any]:
    found = conninfo_to_dict(address(text, **fields).conninfo)
    return {name: value for name, value in found.items() if ALWAYS.get(name) != value}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "postgres://u:p%40x@h:5433/d?sslmode=verify-full",
            {"host": "h", "port": "5433", "user": "u", "password": "p@x", "dbname": "d", "sslmode": "verify-full"},
        ),
        ("postgresql:///d?host=/var/run", {"host": "/var/run", "dbname": "d"}),
        ("postgresql://h?database=d&target_session_attrs=read-write",
         {"host": "h", "dbname": "d", "target_session_attrs": "read-write"}),
        ("host=h user=u password='a b\\'c' port=1 dbname=d", {"host": "h", "user": "u", "password": "a b'c",
         "port": "1", "dbname": "d"}),
        ("host = h  database = d", {"host": "h", "dbname": "d"}),
        ("host=h application_name=mine connect_timeout=3", {"host": "h", "application_name": "mine",
         "connect_timeout": "3"}),
    ],
)  # fmt: skip
def test_connection_string_is_a_url_or_pairs(text: str, found: dict[str, str]) -> None:
    assert parts(text) == found
    assert parts(None, url=text) == found


@pytest.mark.parametrize(
    "text", ["postgresql://u:p@h/d?sslrootcert=a", "host=h user=u password=p dbname=d sslrootcert=a"]
)
def test_fields_override_the_connection_string(text: str) -> None:
    fields = {"host": "h2", "hostaddr": "127.0.0.1", "port": 5433, "database": "d2", "user": "u2", "password": "p2"}
    assert parts(text, **fields, sslRootCert="b") == {
        "host": "h2",
        "hostaddr": "127.0.0.1",
        "port": "5433",
        "dbname": "d2",
        "user": "u2",
        "password": "p2",
        "sslrootcert": "b",
    }


def test_fields_are_enough() -> None:
    assert parts(host="h", database="d") == {"host": "h", "dbname": "d"}
    assert address(host="h", port="1", database="d").shown == "h:1/d"
    assert address(hostaddr="127.0.0.1", user="u", password="secret").shown == "127.0.0.1:5432/u"


@pytest.mark.parametrize(
    "text",
    [
        "postgres://h/d?pool_max_conns=7&pool_min_conns=1&default_query_exec_mode=exec&sslmode=disable",
        "host=h dbname=d pool_max_conns=7 pool_min_conns=1 default_query_exec_mode=exec sslmode=disable",
    ],
)
def test_settings_of_daprs_driver_are_told_apart(text: str) -> None:
    assert parts(text) == {"host": "h", "dbname": "d", "sslmode": "disable"}
    assert address(text).pool == {"pool_max_conns": "7", "pool_min_conns": "1", "default_query_exec_mode": "exec"}


@pytest.mark.parametrize("text", ["secret", "host=h secret", "postgres://u:secret@h/d?x=1", "nothing=secret"])
def test_string_that_cannot_be_understood_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(DefinitionError, match="connectionString cannot be understood") as caught:
        address(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
