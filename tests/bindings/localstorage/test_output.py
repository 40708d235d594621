from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bindings.contract import Operation, OutputBinding, Result
from bindings.localstorage import component
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.localstorage.output import LocalStorageOutput
from engine.errors import EventError, Permanent
from engine.event import Event
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import context, operation


def make(root: Path) -> OutputBinding:
    assert component.output
    return component.output(LocalStorageMetadata(root_path=str(root)), context())


class TestLocalStorageOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        self.count = 0

    async def make(self) -> OutputBinding:
        return make(self.root)

    async def operation(self, name: str) -> Operation:
        self.count += 1
        file_name = "" if name == "list" else f"{self.count:03}"
        if name in ("get", "delete"):
            (self.root / file_name).touch()
        return operation(name, metadata={"fileName": file_name})

    async def written(self) -> Sequence[bytes | None]:
        return [path.read_bytes() for path in sorted(self.root.iterdir())]


@pytest.fixture
async def output(tmp_path: Path) -> AsyncIterator[OutputBinding]:
    output = make(tmp_path)
    await output.open()
    yield output
    await output.close()


async def invoke(output: OutputBinding, name: str, file_name: str = "", data: bytes = b"new") -> Result | EventError:
    [result] = await output.invoke([operation(name, data, {"fileName": file_name})])
    return result


async def test_create_writes_the_file_and_says_where(output: OutputBinding, tmp_path: Path) -> None:
    result = await invoke(output, "create", "reports/2026/may.csv", b"a,b\n")
    assert result == Result(
        b'{"fileName": "reports/2026/may.csv"}', landed=str(tmp_path / "reports" / "2026" / "may.csv")
    )
    assert (tmp_path / "reports" / "2026" / "may.csv").read_bytes() == b"a,b\n"


async def test_create_lands_where_the_metadata_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = LocalStorageOutput(LocalStorageMetadata(root_path="data/out"))
    await output.open()
    result = await invoke(output, "create", "a.txt")
    assert isinstance(result, Result)
    assert result.landed == "data/out/a.txt"
    assert (tmp_path / "data" / "out" / "a.txt").read_bytes() == b"new"


async def test_create_takes_key_for_file_name(output: OutputBinding, tmp_path: Path) -> None:
    await output.invoke([operation("create", b"x", {"key": "a/b.txt"})])
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"x"


async def test_create_without_a_name_makes_the_same_one_again(output: OutputBinding, tmp_path: Path) -> None:
    same = operation("create", id="../1", source="/orders")
    other = operation("create", id="../2", source="/orders")
    results = await output.invoke([same, same, other])
    names = [json.loads(result.data or b"")["fileName"] for result in results if isinstance(result, Result)]
    assert names[0] == names[1] != names[2]
    assert uuid.UUID(names[0])
    assert sorted(os.listdir(tmp_path)) == sorted(set(names))


async def test_create_replaces_the_file_whole(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old and longer")
    with (tmp_path / "a.txt").open("rb") as reader:
        await invoke(output, "create", "a.txt", b"new")
        assert reader.read() == b"old and longer"
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


async def test_create_in_one_invoke_keeps_the_order(output: OutputBinding, tmp_path: Path) -> None:
    await output.invoke([operation("create", b"%d" % n, {"fileName": "a.txt"}) for n in range(20)])
    assert (tmp_path / "a.txt").read_bytes() == b"19"


async def test_create_side_by_side_leaves_one_whole_file(output: OutputBinding, tmp_path: Path) -> None:
    contents = [bytes([65 + n]) * 100_000 for n in range(8)]
    await asyncio.gather(*(invoke(output, "create", "a.txt", data) for data in contents))
    assert (tmp_path / "a.txt").read_bytes() in contents
    assert os.listdir(tmp_path) == ["a.txt"]


async def test_create_without_data_writes_an_empty_file(output: OutputBinding, tmp_path: Path) -> None:
    attributes = operation("create").event.attributes
    await output.invoke([Operation("create", Event(attributes), {"fileName": "a.txt"})])
    assert (tmp_path / "a.txt").read_bytes() == b""


@pytest.mark.parametrize(("told", "content"), [("true", b"\0\xff"), ("false", b"AP8=")])
async def test_create_decodes_base64_only_when_told(tmp_path: Path, told: str, content: bytes) -> None:
    output = LocalStorageOutput(LocalStorageMetadata.model_validate({"rootPath": str(tmp_path), "decodeBase64": told}))
    await output.open()
    await invoke(output, "create", "a.bin", b"AP8=")
    assert (tmp_path / "a.bin").read_bytes() == content


async def test_create_of_what_is_not_base64_is_refused(tmp_path: Path) -> None:
    output = LocalStorageOutput(LocalStorageMetadata(root_path=str(tmp_path), decode_base64=True))
    await output.open()
    error = await invoke(output, "create", "a.bin", b"no base64!")
    assert type(error) is Permanent
    assert os.listdir(tmp_path) == []


async def test_create_of_a_reference_to_any_file_is_refused(output: OutputBinding, tmp_path: Path) -> None:
    attributes = {**operation("create").event.attributes, "dataref": "file:///etc/passwd"}
    [error] = await output.invoke([Operation("create", Event(attributes), {"fileName": "a.txt"})])
    assert isinstance(error, Permanent)
    assert "'file:///etc/passwd' is not followed" in str(error)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["create", "get", "list", "delete"])
@pytest.mark.parametrize("key", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "a\0b", "x" * 300, "link/out.txt"])
async def test_no_operation_leaves_the_root(output: OutputBinding, tmp_path: Path, name: str, key: str) -> None:
    (tmp_path / "link").symlink_to("/")
    result = await invoke(output, name, key)
    assert isinstance(result, Permanent)
    assert "file name" in str(result)
    assert os.listdir(tmp_path) == ["link"]


@pytest.mark.parametrize("name", ["get", "delete"])
@pytest.mark.parametrize("key", ["", "."])
async def test_operation_on_a_file_needs_a_name(output: OutputBinding, name: str, key: str) -> None:
    result = await invoke(output, name, key)
    assert isinstance(result, Permanent)
    assert "set `fileName`" in str(result)


async def test_create_below_a_file_fails_alone(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    names = ["file/a.txt", "folder", "good.txt"]
    below, folder, good = await output.invoke([operation("create", metadata={"fileName": name}) for name in names])
    assert type(below) is Permanent
    assert type(folder) is Permanent
    assert isinstance(good, Result)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "good.txt"]


async def test_create_with_a_path_too_long_for_the_system_is_refused(output: OutputBinding) -> None:
    result = await invoke(output, "create", "/".join(["x" * 200] * 30))
    assert isinstance(result, Permanent)


async def test_get_gives_the_content(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\xff")
    assert await invoke(output, "get", "a.bin") == Result(b"\0\xff", landed=str(tmp_path / "a.bin"))


@pytest.mark.parametrize("name", ["get", "list", "delete"])
async def test_file_that_is_missing_is_said(output: OutputBinding, tmp_path: Path, name: str) -> None:
    result = await invoke(output, name, "a.txt")
    assert type(result) is Permanent
    assert str(result) == f"{name}: file not found: {tmp_path / 'a.txt'}"


async def test_get_of_what_is_no_file_is_refused(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        result = await invoke(output, "get", name)
        assert type(result) is Permanent
        assert "is not a file" in str(result)


async def test_list_gives_all_files_below_the_folder(output: OutputBinding, tmp_path: Path) -> None:
    for name in ("b.txt", "in/a.txt", "in/deep/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert await listed(output, "") == [str(tmp_path / name) for name in ("b.txt", "in/a.txt", "in/deep/c.txt")]
    assert await listed(output, "in/deep") == [str(tmp_path / "in/deep/c.txt")]


async def listed(output: OutputBinding, name: str) -> object:
    result = await invoke(output, "list", name)
    assert isinstance(result, Result)
    return json.loads(result.data or b"")


async def test_list_of_an_empty_folder_is_empty(output: OutputBinding) -> None:
    assert await listed(output, "") == []


async def test_list_of_a_file_is_refused(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    result = await invoke(output, "list", "a.txt")
    assert type(result) is Permanent
    assert "is not a folder" in str(result)


async def test_delete_removes_the_file(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert await invoke(output, "delete", "a.txt") == Result(landed=str(tmp_path / "a.txt"))
    assert os.listdir(tmp_path) == []


async def test_delete_of_a_folder_is_refused(output: OutputBinding, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert type(await invoke(output, "delete", "folder")) is Permanent
    assert (tmp_path / "folder").is_dir()
