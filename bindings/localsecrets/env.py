"""Secrets from environment variables, as Dapr's secretstores.local.env gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import Field

from bindings.contract import Context
from bindings.manifest import ComponentType
from bindings.metadata import Metadata, Text


class EnvMetadata(Metadata):
    prefix: Text = Field(
        "",
        description="What the names of the variables begin with; it is put before the name that is asked for.",
        examples=["MYAPP_"],
    )


class EnvSecrets:
    def __init__(self, metadata: EnvMetadata, context: Context) -> None:
        self._prefix = metadata.prefix

    async def open(self) -> None:
        pass

    async def get(self, name: str) -> Mapping[str, str]:
        """The variable as the only key; raises `KeyError` when it is not set, or is one of the engine's own."""
        variable = self._prefix + name
        if _is_the_engines(variable):
            raise KeyError(f"the environment variable {variable} belongs to the engine and is not given out")
        if variable not in os.environ:
            raise KeyError(f"the environment variable {variable} is not set")
        return {name: os.environ[variable]}

    async def all(self) -> Mapping[str, Mapping[str, str]]:
        variables = [name for name in os.environ if name.startswith(self._prefix) and not _is_the_engines(name)]
        names = {variable.removeprefix(self._prefix): variable for variable in variables}
        return {name: {name: os.environ[variable]} for name, variable in names.items() if name}

    async def close(self) -> None:
        pass


def _is_the_engines(variable: str) -> bool:
    """The tokens and settings of the engine, which Dapr's store keeps back as well, in any spelling."""
    return variable.upper() == "APP_API_TOKEN" or variable.upper().startswith("DAPR_")


component = ComponentType(
    name="secretstores.local.env",
    summary="Secrets from the environment variables of the engine. APP_API_TOKEN and DAPR_* are not given out.",
    metadata=EnvMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: environment
spec:
  type: secretstores.local.env
  version: v1
  metadata:
    - name: prefix
      value: MYAPP_
""",
    secret_store=EnvSecrets,
)
