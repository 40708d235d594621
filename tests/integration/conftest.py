from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.project import Project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    """A new project; what it has started ends with the test, and before the event loop, which waits for its readers."""
    project = Project(tmp_path)
    yield project
    project.end()
