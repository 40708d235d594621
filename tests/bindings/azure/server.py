"""Azurite, the emulator of Azure Storage: a private one on free loopback ports, its data in a temporary folder."""

from __future__ import annotations

import base64
import functools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.servers import free_ports, require, wait_until_ready

VERSION = "3.37.0"
KEY = base64.b64encode(b"a key of no secret").decode()


class Azurite:
    """Started with `start`, stopped with `stop`; its data stays until the folder is gone."""

    def __init__(self, folder: Path, account: str = "jackfield") -> None:
        self._node = require("nodejs", "node")
        self._program = _install(require("npm", "npm"))
        self._folder = folder
        self.blob_port, self.queue_port, self._table_port = free_ports(3)
        self.blob_url = f"http://127.0.0.1:{self.blob_port}"
        self.queue_url = f"http://127.0.0.1:{self.queue_port}"
        self._account = account
        self.login = {"accountName": account, "accountKey": KEY}
        credential: Any = {"account_name": account, "account_key": KEY}
        self.blobs = BlobServiceClient(f"{self.blob_url}/{account}", credential)
        self.queues = QueueServiceClient(f"{self.queue_url}/{account}", credential)

    def start(self) -> None:
        """Returns when it takes requests."""
        arguments = ["--location", str(self._folder), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        for service, port in [("blob", self.blob_port), ("queue", self.queue_port), ("table", self._table_port)]:
            arguments += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
        environment = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{self._account}:{KEY}"}
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._node), str(self._program), *arguments],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until_ready("Azurite", self._process, self._answers, self._folder / "output")

    def stop(self) -> None:
        """In order: it writes what it has to disk from time to time, and at its end."""
        self._process.terminate()
        self._process.wait()

    def close(self) -> None:
        self.stop()
        self.close_clients()

    def close_clients(self) -> None:
        self.blobs.close()
        self.queues.close()

    def _answers(self) -> bool:
        try:
            for port in (self.blob_port, self.queue_port):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True


@functools.cache
def _install(npm: Path) -> Path:
    """Its main module, from the cache of this user, where the first session that needs it puts it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jackfield"
    folder = cache / f"azurite-{VERSION}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = tempfile.mkdtemp(dir=cache)  # so that what is in place is always whole
        subprocess.run(
            [
                str(npm),
                "install",
                f"azurite@{VERSION}",
                "--prefix",
                fresh,
                "--no-audit",
                "--no-fund",
                "--omit=optional",
            ],
            check=True,
            capture_output=True,
            timeout=300,
        )
        try:
            os.rename(fresh, folder)
        except OSError:  # another session was quicker
            shutil.rmtree(fresh)
    return folder / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
