"""`make demo`, on a copy of the repository's files."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.apps import free_port
from tests.integration.project import ROOT


async def test_the_demo_shows_everything_and_ends_by_itself(tmp_path: Path) -> None:
    for folder in ("pipelines", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    app, port = free_port(), free_port()
    definition = tmp_path / "pipelines/app.yaml"
    definition.write_text(definition.read_text().replace("8077", str(app)))
    command = [sys.executable, str(tmp_path / "examples/demo/demo.py"), "--seconds", "5", "--http-port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(app)}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.partition("pipeline  ")[2].partition("What could not")[0].splitlines()
    counts = {
        name: [int(value) for value in values]
        for name, *values in (row.split() for row in table[1:] if row and "given back" not in row)
    }
    assert sorted(counts) == ["documents", "orders", "payments", "readings"]
    for name, (read, delivered, *_) in counts.items():
        assert read > 0, name
        assert delivered > 0, name
    _, _, filtered, _, dead_lettered = counts["orders"]
    assert (filtered > 0, dead_lettered) == (True, 1)
    assert counts["payments"][3] >= 2  # retried
    assert "no such article" in done.stdout
    assert done.stderr == ""
    demo = tmp_path / ".jackfield/demo"
    assert list((demo / "readings").glob("*.json"))
    assert list((demo / "outbox").glob("letter-*.txt.json"))
