"""Secrets from a JSON file, as Dapr's secretstores.local.file gives them.

Dapr writes numbers and booleans in Go's error notation (`%!s(float64=5)`), drops what it cannot place, and lets one of
two equal names win; here they are the text that stands in the file, kept, and an error.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from bindings.contract import Context
from bindings.manifest import ComponentType
from bindings.metadata import Flag, Metadata, Text
from engine.errors import DefinitionError


class FileMetadata(Metadata):
    secrets_file: str = Field(
        description="The JSON file; a relative path begins at the folder in which the engine was started.",
        examples=["secrets.json"],
        min_length=1,
    )
    nested_separator: Text = Field(
        ":",
        description='What joins the names of nested objects: `{"redis": {"password": …}}` is `redis:password`.',
        examples=[":", "."],
    )
    multi_valued: Flag = Field(
        False,
        description="Make each top-level object one secret with several keys, not one secret of each value.",
        examples=[False, "true"],
    )


class FileSecrets:
    """The file is read once, at `open`."""

    def __init__(self, metadata: FileMetadata, context: Context) -> None:
        self._path = Path(metadata.secrets_file)
        self._separator = metadata.nested_separator or ":"
        self._multi_valued = metadata.multi_valued
        self._secrets: Mapping[str, Mapping[str, str]] = {}

    async def open(self) -> None:
        """Raises `DefinitionError` when the file cannot be read, is no JSON object, or has two equal names."""
        self._secrets = await asyncio.to_thread(self._load)

    async def get(self, name: str) -> Mapping[str, str]:
        if name not in self._secrets:
            raise KeyError(f"{self._path} has no secret {name}")
        return self._secrets[name]

    async def all(self) -> Mapping[str, Mapping[str, str]]:
        return self._secrets

    async def close(self) -> None:
        pass

    def _load(self) -> dict[str, dict[str, str]]:
        try:
            content = self._parse(self._path.read_bytes())
            if self._multi_valued:
                return {name: self._keys(name, value) for name, value in content.items()}
            return {name: {name: text} for name, text in self._flatten(content).items()}
        except (OSError, ValueError) as error:  # ValueError: not a path at all
            reason = getattr(error, "strerror", None) or error
            hint = f"it was looked for at {self._path.absolute()}"
            raise DefinitionError(f"secretsFile {self._path} cannot be read: {reason}", hint=hint) from error
        except RecursionError:
            raise DefinitionError(f"secretsFile {self._path}: nested too deeply") from None

    def _parse(self, data: bytes) -> dict[str, Any]:
        # `from None`: the errors of the parsers carry the whole file, and the file is secret.
        try:
            # Numbers stay as they are written: 1.10 is not 1.1 when it is a PIN.
            content = json.loads(data.decode("utf-8-sig"), parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise DefinitionError(f"secretsFile {self._path}, {place}: {error.msg}") from None
        except UnicodeDecodeError as error:
            raise DefinitionError(f"secretsFile {self._path}: byte {error.start + 1} is not UTF-8") from None
        if not isinstance(content, dict):
            raise DefinitionError(f"secretsFile {self._path}: the top level is not an object of names and values")
        return content

    def _keys(self, name: str, value: Any) -> dict[str, str]:
        return self._flatten(value) if isinstance(value, dict | list) else {name: _text(value)}

    def _flatten(self, value: Any) -> dict[str, str]:
        """Each leaf by the joined names on the way to it; an element of a list is named by its index."""
        flat: dict[str, str] = {}
        for path, leaf in _leaves(value):
            name = self._separator.join(path)
            if name in flat:
                raise DefinitionError(f"secretsFile {self._path}: two values have the name {name}")
            flat[name] = _text(leaf)
        return flat


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict | list):
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(child, (*path, str(name)))
    else:
        yield path, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


component = ComponentType(
    name="secretstores.local.file",
    summary="Secrets from a JSON file, which is read when the store is opened.",
    metadata=FileMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: secrets
spec:
  type: secretstores.local.file
  version: v1
  metadata:
    - name: secretsFile
      value: secrets.json
    - name: nestedSeparator
      value: ":"
""",
    secret_store=FileSecrets,
)
