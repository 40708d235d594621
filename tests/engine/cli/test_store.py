from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bindings.sqlite.store import SqliteStore
from engine.cli import main
from engine.clock import SystemClock

STORE = "sqlite:store.db"


@pytest.fixture(autouse=True)
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def keep() -> None:
        store = SqliteStore(STORE, SystemClock())
        await store.open()
        await store.set_marks("a", {str(number): "x" for number in range(1234)})
        await store.close()

    asyncio.run(keep())


def test_stats_are_a_line_for_each_kind_or_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "stats", "--store", STORE]) == 0
    lines = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (lines["marks"], lines["dead letters"]) == ("1,234", "0")
    assert main(["store", "stats", "--store", STORE, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["marks"] == 1234


def test_backup_is_a_store_and_overwrites_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "backup", "copy.db", "--store", STORE]) == 0
    first, *held = capsys.readouterr().out.splitlines()
    assert first == "copied to copy.db:"
    assert any(line.split() == ["marks", "1,234"] for line in held)
    assert main(["store", "stats", "--store", "sqlite:copy.db", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["marks"] == 1234
    assert main(["store", "backup", "copy.db", "--store", STORE]) == 2
    assert "copy.db exists already (name a file that does not)" in capsys.readouterr().err
