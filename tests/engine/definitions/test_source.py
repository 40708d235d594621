from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.definitions.diagnostic import Diagnostic
from engine.definitions.source import MAX_FILE_SIZE, Source, read_source, shown_path, stamp_of
from tests.engine.definitions.folders import short


def refused(path: Path) -> str:
    found = read_source(path)
    assert isinstance(found, Diagnostic)
    return short(found)


def test_read_source_gives_the_text(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("\ufeffa: ä\n".encode())

    found = read_source(path)

    assert isinstance(found, Source)
    assert found.text == "a: ä\n"


def test_read_source_of_a_100_mb_file_does_not_read_it(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)

    assert refused(path).startswith("1:1 E102 the file has 104,857,600 bytes, and a definition at most 1,048,576")


def test_read_source_of_the_largest_file_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"#" * MAX_FILE_SIZE)

    assert isinstance(read_source(path), Source)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: \0\0\n", "2:4 E103 this is no text file: it has a zero byte | move it out of this folder"),
        (b"a: 1\nb: caf\xe9\n", "2:7 E103 the byte 0xe9 is not UTF-8 | save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1 E103 the file is UTF-16 | save it as UTF-8"),
    ],
)
def test_read_source_of_what_is_no_utf8_names_the_place(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)

    assert refused(path) == expected


def test_read_source_of_a_file_that_vanished_says_so(tmp_path: Path) -> None:
    assert refused(tmp_path / "f.yaml").startswith("1:1 E101 the file is gone")


def test_read_source_of_a_pipe_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    os.mkfifo(path)

    assert refused(path).startswith("1:1 E101 this is no regular file")


def test_read_source_of_a_file_without_rights_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a: 1")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # the tests may run as root, whom nobody refuses

    assert refused(path) == "1:1 E101 the file cannot be read: Permission denied | see its owner and its rights"


def test_shown_path_is_relative_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert shown_path(tmp_path / "a" / "f.yaml") == os.path.join("a", "f.yaml")
    assert shown_path(Path("a/f.yaml")) == os.path.join("a", "f.yaml")
    assert shown_path(Path("/elsewhere/f.yaml")) == "/elsewhere/f.yaml"


def test_shown_path_can_always_be_printed(tmp_path: Path) -> None:
    shown_path(Path(os.fsdecode(b"/caf\xe9.yaml"))).encode()


def test_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    assert stamp_of(path) is None
    path.write_text("a: 1")
    first = stamp_of(path)
    path.write_text("a: 12")

    assert first is not None
    assert first == first
    assert stamp_of(path) != first


def test_span_at_counts_lines_as_yaml_does() -> None:
    source = Source(Path("f.yaml"), "f.yaml", "a\r\nb\u2028c\nd")

    assert str(source.span_at(source.text.index("d"))) == "f.yaml:4:1"
    assert source.line(3) == "c"
