"""Files of a folder: `bindings.localstorage`, as Dapr's, and new files as events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bindings.contract import Context, InputBinding, OutputBinding, Received
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.manifest import ComponentType


def _input(metadata: LocalStorageMetadata, context: Context) -> InputBinding:
    from bindings.localstorage.input import make_input

    return make_input(metadata, context)


async def _peek(metadata: LocalStorageMetadata, context: Context, limit: int) -> Sequence[Received]:
    from bindings.localstorage.input import peek

    return await peek(metadata, context, limit)


def _place(metadata: LocalStorageMetadata, name: str) -> str | None:
    """Not where a pattern chooses: what is written there may have other names."""
    everything = LocalStorageMetadata.model_fields["pattern"].default
    return str(Path(metadata.root_path).resolve()) if metadata.pattern == everything else None


def _output(metadata: LocalStorageMetadata, context: Context) -> OutputBinding:
    from bindings.localstorage.output import LocalStorageOutput

    return LocalStorageOutput(metadata)


component = ComponentType(
    name="bindings.localstorage",
    summary="Files of a folder: new and changed ones become events; creates, reads, lists and deletes them.",
    metadata=LocalStorageMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: uploads
spec:
  type: bindings.localstorage
  version: v1
  metadata:
    - name: rootPath
      value: data/uploads
    - name: pattern # of the input
      value: "*.jpg"
""",
    input_is_ours=True,
    input=_input,
    output=_output,
    peek=_peek,
    operations={
        "create": 'Writes the data to a file, whole or not at all; gives back `{"fileName": ...}`.',
        "get": "Gives back the content of a file.",
        "list": "Gives back the paths of all files below a folder, as a JSON array.",
        "delete": "Removes a file.",
    },
    input_metadata={
        "key": "The file's path relative to rootPath, with `/` between folders.",
        "fileName": "The last part of the path.",
        "path": "The absolute path.",
        "size": "The size in bytes.",
        "etag": "Changes whenever the file does.",
        "modified": "When the file was last changed, as in RFC 3339.",
    },
    output_metadata={
        "fileName": "The file's path relative to rootPath; for list, that of the folder, default: rootPath itself. "
        "When create gets none, it makes one from the event's id.",
        "key": "The same as fileName.",
    },
    place=_place,
    shared_input=False,
)
