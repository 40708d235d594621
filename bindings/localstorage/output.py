from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import stat
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from bindings.contract import Operation, Result
from bindings.localstorage.failure import failure
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.localstorage.path import confine, open_root
from bindings.localstorage.references import file_of
from engine.errors import EventError, Permanent
from engine.event import Event

_TEMPORARY = ".jackfield-"
_AT_ONCE = 2**20  # bytes


class LocalStorageOutput:
    """https://docs.dapr.io/reference/components-reference/supported-bindings/localstorage/

    Other than Dapr's it writes a file whole or not at all, and decodes base64 only when told so.
    """

    def __init__(self, metadata: LocalStorageMetadata) -> None:
        self._decode_base64 = metadata.decode_base64
        self._given_root = Path(metadata.root_path)
        self._root = self._given_root

    async def open(self) -> None:
        self._root = await asyncio.to_thread(open_root, str(self._given_root))

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        # One thread for all, so that two writes of one file stay in their order.
        return await asyncio.to_thread(lambda: [self._invoke(operation) for operation in operations])

    async def close(self) -> None:
        pass

    def _invoke(self, operation: Operation) -> Result | EventError:
        try:
            return self._perform(operation)
        except EventError as error:
            return error
        except OSError as error:
            return failure(error, operation.name)

    def _perform(self, operation: Operation) -> Result:
        name = operation.metadata.get("fileName") or operation.metadata.get("key") or ""
        match operation.name:
            case "create":
                return self._create(name or _name_from_id(operation), operation)
            case "get":
                return self._get(name)
            case "list":
                return self._list(name)
            case "delete":
                return self._delete(name)
        raise Permanent(f"there is no operation {operation.name!r}; there are create, get, list and delete")

    def _create(self, name: str, operation: Operation) -> Result:
        path = self._file(name)
        with self._content(operation.event) as content:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        key = path.relative_to(self._root).as_posix()
        return Result(json.dumps({"fileName": key}, ensure_ascii=False).encode(), landed=self._landed(name))

    def _content(self, event: Event) -> BinaryIO:
        """What is to be written; a large file of an input is never in memory as a whole."""
        reference = event.attributes.get("dataref")
        if event.data is None and reference is not None:
            return open(file_of(str(reference)), "rb")
        data = event.data or b""
        return io.BytesIO(_from_base64(data) if self._decode_base64 else data)

    def _get(self, name: str) -> Result:
        path = self._file(name)
        # A pipe or a device could keep the thread for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Permanent(f"{self._landed(name)} is not a file")
        return Result(path.read_bytes(), landed=self._landed(name))

    def _list(self, name: str) -> Result:
        folder = confine(self._root, name)
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise Permanent(f"{self._landed(name)} cannot be listed, because it is not a folder")
        paths = sorted(
            os.path.join(parent, file)
            for parent, _, files in os.walk(folder)
            for file in files
            if not file.startswith(_TEMPORARY)
        )
        return Result(json.dumps(paths).encode(), landed=self._landed(name))

    def _delete(self, name: str) -> Result:
        self._file(name).unlink()
        return Result(landed=self._landed(name))

    def _file(self, name: str) -> Path:
        path = confine(self._root, name)
        if path == self._root:
            raise Permanent("there is no file name; set `fileName` in the metadata of the operation")
        return path

    def _landed(self, name: str) -> str:
        return str(self._given_root / name)


def _name_from_id(operation: Operation) -> str:
    """A UUID, as Dapr makes one, but the same one when the event comes again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{operation.event.source} {operation.event.id}"))


def _from_base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(data.strip().strip(b'"'), validate=True)  # quoted, where it is a JSON string
    except ValueError as error:
        raise Permanent(f"the data is not base64, as decodeBase64 says: {error}") from error


def _write(path: Path, content: BinaryIO) -> None:
    """Readers see the old file or the new one and nothing between, also after a power cut."""
    temporary = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            shutil.copyfileobj(content, file, _AT_ONCE)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
