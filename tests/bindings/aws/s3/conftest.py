from __future__ import annotations

from uuid import uuid4

import pytest

from tests.bindings.aws.s3.bucket import Bucket
from tests.bindings.aws.server import Moto


@pytest.fixture
def bucket(moto: Moto) -> Bucket:
    """An empty bucket that no other test uses."""
    return Bucket(moto, f"bucket-{uuid4()}")
