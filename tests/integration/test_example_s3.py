"""examples/s3, on a moto of the tests' own: files of sales in, sums out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.bindings.aws.server import Moto
from tests.bindings.fakes import eventually
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project

EXAMPLE = ROOT / "examples/s3"


async def test_files_become_sums_and_are_moved(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = Moto(tmp_path_factory.mktemp("moto"))
    moto.start()
    s3 = moto.client("s3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = str(free_port())
    definition = project.path / "pipelines/sales.yaml"
    definition.write_text(definition.read_text().replace("8080", port))
    app = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE / "totals.py"), env={**os.environ, "PORT": port}
    )
    try:
        shops = [sys.executable, str(EXAMPLE / "shops.py")]
        await asyncio.to_thread(subprocess.run, shops, check=True)
        run = await project.run()
        expected = ["done/berlin.csv", "done/zürich.csv", "in/broken.csv"]
        expected += ["totals/berlin.csv.json", "totals/zürich.csv.json"]
        await eventually(
            lambda: [one["Key"] for one in s3.list_objects_v2(Bucket="sales")["Contents"]] == expected, timeout=30
        )
        async with asyncio.timeout(10):
            while "answered 422" not in await project.command("dead-letters", "list"):
                pass
        assert await run.stop() == 0
        sums = s3.get_object(Bucket="sales", Key="totals/berlin.csv.json")
        assert json.loads(sums["Body"].read()) == {"tea": 5, "pot": 1}
        assert sums["ContentType"].startswith("application/json")
    finally:
        app.kill()
        await app.wait()
        moto.stop()
