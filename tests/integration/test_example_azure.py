"""examples/azure, on an Azurite of the tests' own: a file of orders in, invoices out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.bindings.azure.server import Azurite
from tests.bindings.fakes import eventually
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project

EXAMPLE = ROOT / "examples/azure"


async def test_orders_of_a_file_become_invoices(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    azurite = Azurite(tmp_path_factory.mktemp("azurite"), account="shop")
    azurite.start()
    monkeypatch.setenv("STORAGE_KEY", azurite.login["accountKey"])
    monkeypatch.setenv("BLOB_URL", azurite.blob_url)
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = str(free_port())
    for name in ("storage.yaml", "orders.yaml"):
        definition = project.path / "pipelines" / name
        text = definition.read_text().replace("8081", port).replace("http://127.0.0.1:10000", azurite.blob_url)
        definition.write_text(text.replace("http://127.0.0.1:10001", azurite.queue_url))
    app = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE / "prices.py"), env={**os.environ, "PORT": port}
    )
    container = azurite.blobs.get_container_client("orders")
    try:
        run = await project.run()
        await run.until(lambda line: line["pipeline"] == "uploads" and "started" in line["message"])
        await asyncio.to_thread(subprocess.run, [sys.executable, str(EXAMPLE / "customer.py")], check=True)
        await eventually(
            lambda: list(container.list_blob_names()) == ["invoices/17.json", "invoices/18.json"], timeout=30
        )
        async with asyncio.timeout(10):
            while "answered 422" not in await project.command("dead-letters", "list"):
                pass
        assert await run.stop() == 0
        invoice = container.download_blob("invoices/17.json")
        assert json.loads(invoice.readall())["total"] == 10
        assert invoice.properties.metadata == {"customer": "zoe"}
        assert str(invoice.properties.content_settings.content_type).startswith("application/json")
    finally:
        app.kill()
        await app.wait()
        azurite.close()
