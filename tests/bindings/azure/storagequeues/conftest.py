from __future__ import annotations

from uuid import uuid4

import pytest

from tests.bindings.azure.server import Azurite
from tests.bindings.azure.storagequeues.queue import Queue


@pytest.fixture
def queue(azurite: Azurite) -> Queue:
    """A queue name that no other test uses."""
    return Queue(azurite, f"queue-{uuid4()}")
