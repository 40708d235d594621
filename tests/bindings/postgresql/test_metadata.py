from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.postgresql.metadata import (
    PostgreSqlBindingMetadata,
    PostgreSqlConfigurationMetadata,
    PostgreSqlStateMetadata,
)


def state(**fields: Any) -> PostgreSqlStateMetadata:
    return PostgreSqlStateMetadata.model_validate({"connectionString": "host=h", **fields})


def test_defaults_are_daprs() -> None:
    metadata = state()
    assert (metadata.table_name, metadata.table_prefix, metadata.metadata_table_name) == ("state", "", "dapr_metadata")
    assert (metadata.sweep_every, metadata.patience, metadata.key_prefix) == (3600, 20, "appid")


@pytest.mark.parametrize(
    ("value", "seconds"), [("10m", 600), ("-1", -1), ("0", 0), (0, 0), (-1, -1), ("90", 90), ("-10s", -10)]
)
def test_cleanup_interval_may_be_less_than_nothing(value: Any, seconds: float) -> None:
    assert state(cleanupInterval=value).sweep_every == seconds
    assert state(cleanupIntervalInSeconds=value).sweep_every == seconds


def test_timeout_has_two_names_and_is_at_least_a_second() -> None:
    assert state(timeout="90s").patience == state(timeoutInSeconds=90).patience == 90
    for name in ("timeout", "timeoutInSeconds"):
        with pytest.raises(ValidationError):
            state(**{name: "900ms"})


@pytest.mark.parametrize("name", ["state", "public.state", '"My State"', 'shop."my state"', "_x$1"])
def test_tables_may_have_a_schema(name: str) -> None:
    assert state(tableName=name, metadataTableName=name).table_name == name


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a.b.c", '"a', "1a", "a--", '"a%b"'])
def test_name_of_a_table_is_no_sql(name: str) -> None:
    for field in ("tableName", "metadataTableName"):
        with pytest.raises(ValidationError):
            state(**{field: name})


@pytest.mark.parametrize(
    ("prefix", "right"), [("", True), ("my_", True), ("public.", True), ("a.b_", True), ("a b", False)]
)
def test_prefix_is_a_schema_or_a_part_of_the_name(prefix: str, right: bool) -> None:
    if right:
        assert state(tablePrefix=prefix).table_prefix == prefix
    else:
        with pytest.raises(ValidationError):
            state(tablePrefix=prefix)


@pytest.mark.parametrize("field", ["useAzureAD", "useAWSIAM"])
def test_logins_of_clouds_are_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="give the user a password"):
        PostgreSqlBindingMetadata.model_validate({"host": "h", field: "true"})
    PostgreSqlBindingMetadata.model_validate({"host": "h", field: "false"})


def test_database_must_be_said() -> None:
    with pytest.raises(ValidationError, match="set connectionString, or host"):
        PostgreSqlBindingMetadata(user="u", password="p")


@pytest.mark.parametrize("field", ["table", "notifyChannel", "pgNotifyChannel"])
@pytest.mark.parametrize("name", ["Config", "a b", "a;", "x" * 65])
def test_names_of_a_configuration_are_no_sql(field: str, name: str) -> None:
    with pytest.raises(ValidationError):
        PostgreSqlConfigurationMetadata.model_validate({"host": "h", "table": "t", field: name})
