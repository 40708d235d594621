"""PostgreSQL: SQL as an output, state, configuration, and the store of an engine that runs on several machines."""

from __future__ import annotations

from dataclasses import replace

from bindings.contract import ConfigurationStore, Context, OutputBinding, StateStore
from bindings.manifest import ComponentType
from bindings.postgresql.metadata import (
    PostgreSqlBindingMetadata,
    PostgreSqlConfigurationMetadata,
    PostgreSqlStateMetadata,
)


def _output(metadata: PostgreSqlBindingMetadata, context: Context) -> OutputBinding:
    from bindings.postgresql.output import PostgreSqlOutput

    return PostgreSqlOutput(metadata, context)


def _state_store(metadata: PostgreSqlStateMetadata, context: Context) -> StateStore:
    from bindings.postgresql.state import state_of

    return state_of(metadata, context)


def _configuration_store(metadata: PostgreSqlConfigurationMetadata, context: Context) -> ConfigurationStore:
    from bindings.postgresql.configuration import PostgreSqlConfiguration

    return PostgreSqlConfiguration(metadata, context)


output_component = ComponentType(
    name="bindings.postgresql",
    summary="SQL statements, run on a PostgreSQL database, many in one round trip; none fails because of another.",
    metadata=PostgreSqlBindingMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: database
spec:
  type: bindings.postgresql
  version: v1
  metadata:
    - name: connectionString
      value: postgresql://shop:secret@localhost:5432/shop
""",
    output=_output,
    operations={
        "exec": "Runs the statement of the metadata `sql`, and says how many rows it changed.",
        "query": "Runs the statement of the metadata `sql`, and gives its rows as a JSON array of arrays.",
        "close": "Closes the connections that nobody uses; the next operation connects again.",
    },
    default_operation="exec",
    output_metadata={
        "sql": "The statement, with `$1`, `$2` … for its parameters.",
        "params": "The parameters as a JSON array, in their order.",
    },
    extra="postgresql",
)

state_component = ComponentType(
    name="state.postgresql",
    summary="State in a PostgreSQL table, which is that of Dapr: `version: v1` keeps JSON, `version: v2` bytes.",
    metadata=PostgreSqlStateMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore
spec:
  type: state.postgresql
  version: v2
  metadata:
    - name: connectionString
      value: postgresql://shop:secret@localhost:5432/shop
""",
    state_store=_state_store,
    queryable_versions=("", "v1"),
    extra="postgresql",
)

configuration_component = ComponentType(
    name="configuration.postgresql",
    summary="Settings in a PostgreSQL table; a trigger of the table tells of changes (LISTEN and NOTIFY).",
    metadata=PostgreSqlConfigurationMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: settings
spec:
  type: configuration.postgresql
  version: v1
  metadata:
    - name: connectionString
      value: postgresql://shop:secret@localhost:5432/shop
    - name: table
      value: configtable
    - name: notifyChannel
      value: config
""",
    configuration_store=_configuration_store,
    extra="postgresql",
)


def _alias(component: ComponentType) -> ComponentType:
    """Dapr has two names for each."""
    name = component.name.replace("postgresql", "postgres")
    return replace(component, name=name, example=component.example.replace(component.name, name))


output_alias, state_alias, configuration_alias = map(
    _alias, (output_component, state_component, configuration_component)
)
