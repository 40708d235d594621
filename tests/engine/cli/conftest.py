from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.cli.ran import HTTP, NEW, OLD, run_through, writing
from tests.engine.definitions.folders import documents


@pytest.fixture
def revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    old = documents(writing(OLD), HTTP)
    new = documents(writing(NEW), HTTP.replace("hunter2", "hunter3"))
    return asyncio.run(run_through(tmp_path, old, new))
