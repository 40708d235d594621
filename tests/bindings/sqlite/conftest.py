from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bindings.sqlite.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.acquire(tmp_path / "queues.db")
    yield database
    await database.release()
