from __future__ import annotations

from uuid import uuid4

import pytest

from tests.bindings.azure.blobstorage.container import Container
from tests.bindings.azure.server import Azurite


@pytest.fixture
def container(azurite: Azurite) -> Container:
    """An empty container that no other test uses."""
    return Container(azurite, f"container-{uuid4()}")
