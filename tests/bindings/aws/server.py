"""AWS on this machine: moto's server, a process of its own, which keeps all in memory."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from tests.servers import free_ports, wait_until_ready

LOGIN = {"region": "us-east-1", "accessKey": "test", "secretKey": "test"}


class Moto:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._session = boto3.Session("test", "test", region_name="us-east-1")

    def start(self) -> None:
        """Returns when it takes requests."""
        command = [
            sys.executable,
            str(Path(__file__).with_name("mended_moto.py")),
            "-H",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        wait_until_ready("moto", self._process, self._answers, self._folder / "output")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def reset(self) -> None:
        """Forgets everything."""
        urllib.request.urlopen(f"{self.url}/moto-api/reset", data=b"", timeout=60).close()

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.url)  # type: ignore[call-overload] # literal names only

    def metadata(self, **more: Any) -> dict[str, Any]:
        """What the metadata of a component needs to find it."""
        return {**LOGIN, "endpoint": self.url, **more}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
