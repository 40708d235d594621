from __future__ import annotations

from pathlib import Path

import pytest

from bindings.contract import InputBinding, Operation, Result
from bindings.localstorage.input import make_input
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.localstorage.output import LocalStorageOutput
from bindings.localstorage.references import file_of
from engine.errors import Permanent
from engine.event import Event
from tests.bindings.fakes import context


def reading(folder: Path) -> InputBinding:
    return make_input(LocalStorageMetadata(root_path=str(folder)), context("inbox"))


async def copied(target: Path, reference: str) -> Result | Exception:
    output = LocalStorageOutput(LocalStorageMetadata(root_path=str(target)))
    await output.open()
    attributes = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "dataref": reference}
    (result,) = await output.invoke([Operation("create", Event(attributes), {"fileName": "copy.bin"})])
    await output.close()
    return result


async def test_a_large_file_of_an_input_is_copied(tmp_path: Path) -> None:
    inbox = reading(tmp_path / "in")
    await inbox.open()
    file = tmp_path / "in/a b.bin"
    file.write_bytes(b"x" * 3_000_000)
    assert isinstance(await copied(tmp_path / "out", file.as_uri()), Result)
    assert (tmp_path / "out/copy.bin").read_bytes() == file.read_bytes()
    await inbox.close()


@pytest.mark.parametrize("path", ["/etc/passwd", "{inbox}/../secret", "{inbox}/link"])
@pytest.mark.parametrize("scheme", ["file://", "file://elsewhere", "http://localhost"])
async def test_no_other_file_is_copied(tmp_path: Path, path: str, scheme: str) -> None:
    inbox = reading(tmp_path / "in")
    await inbox.open()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    result = await copied(tmp_path / "out", scheme + path.format(inbox=tmp_path / "in"))
    assert isinstance(result, Permanent)
    assert not (tmp_path / "out/copy.bin").exists()
    await inbox.close()


async def test_nothing_is_followed_when_no_input_watches_the_folder_any_more(tmp_path: Path) -> None:
    first, second = reading(tmp_path), reading(tmp_path)
    await first.open()
    await second.open()
    (tmp_path / "a").write_text("a")
    await first.close()
    await first.close()
    assert file_of((tmp_path / "a").as_uri()) == tmp_path / "a"
    await second.close()
    with pytest.raises(Permanent, match="is not followed"):
        file_of((tmp_path / "a").as_uri())


async def test_a_file_that_has_gone_is_permanent(tmp_path: Path) -> None:
    inbox = reading(tmp_path / "in")
    await inbox.open()
    assert isinstance(await copied(tmp_path / "out", (tmp_path / "in/gone").as_uri()), Permanent)
    await inbox.close()
