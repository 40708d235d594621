from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from bindings.sqlite import connection
from bindings.sqlite.connection import connect
from bindings.sqlite.database import Database
from engine.errors import DefinitionError, NotReady


def test_file_and_its_folder_are_made_for_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "queues.db"
    connect(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"this is a text file, and a long one" * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "queues.db"
    path.write_bytes(content)
    with pytest.raises(DefinitionError, match=r"queues\.db: it is damaged.*move it.*away"):
        connect(path)
    assert path.read_bytes() == content


def test_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "queues.db"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(DefinitionError, match="later version of Jackfield"):
        connect(path)


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DefinitionError, match=r"queues\.db cannot be made"):
        connect(tmp_path / "file" / "queues.db")


def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be made"):
        connect(tmp_path)


async def test_locked_file_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.01)
    path = tmp_path / "queues.db"
    connect(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotReady, match="another process"):
        await Database.acquire(path)
    other.close()
    database = await Database.acquire(path)
    await database.release()
