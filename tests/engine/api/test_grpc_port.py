from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api.options import ApiOptions
from engine.errors import DefinitionError
from engine.server import LOOPBACK
from tests.engine.api.served import served


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield other.getsockname()[1]


def options(port: int | None, is_wanted: bool) -> ApiOptions:
    return ApiOptions(app_id="shop", grpc_port=port, grpc_is_wanted=is_wanted)


async def test_nobody_listens_who_is_not_asked_to(tmp_path: Path) -> None:
    async with served(tmp_path, api=options(None, True)) as api:
        assert api.engine.grpc is not None
        assert api.engine.grpc.port is None


async def test_port_that_is_taken_is_an_error_for_who_wants_it(tmp_path: Path, taken: int) -> None:
    with pytest.raises(DefinitionError, match=f"cannot listen on {LOOPBACK}:{taken} for gRPC"):
        async with served(tmp_path, api=options(taken, True)):
            pass


async def test_port_that_is_taken_is_else_a_warning(
    tmp_path: Path, taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path, api=options(taken, False)) as api:
        assert await api.status("GET", "/v1.0/healthz") == 204
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "choose another one with --grpc-port" in warning.getMessage()


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_missing_packages_are_told_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_wanted: bool
) -> None:
    monkeypatch.setitem(sys.modules, "engine.api.grpc", None)
    if is_wanted:
        with pytest.raises(DefinitionError, match=r"pip install 'jackfield\[dapr\]'"):
            async with served(tmp_path, api=options(0, True)):
                pass
        return
    async with served(tmp_path, api=options(0, False)) as api:
        assert await api.status("GET", "/v1.0/healthz") == 204
    assert "pip install 'jackfield[dapr]'" in caplog.text


async def test_network_gets_it_only_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(tmp_path, api=options(0, True), host="0.0.0.0") as api:
        assert api.engine.grpc is None
    monkeypatch.setenv("DAPR_API_TOKEN", "t0ken")
    async with served(tmp_path, api=options(0, True), host="0.0.0.0") as api:
        assert api.engine.grpc is not None
