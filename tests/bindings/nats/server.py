"""A NATS server of the tests' own: on a free loopback port, with its data in a temporary folder."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.servers import free_ports, require, wait_until_ready


class Nats:
    """Started with `start`, stopped with `stop` or `kill`; its data stays until the folder is gone.

    `more`: lines of its configuration.
    """

    def __init__(self, folder: Path, more: str = "", jetstream: bool = True) -> None:
        self._binary = require("nats-server", "nats-server", "/usr/sbin/nats-server")
        self._folder = folder
        [self.port] = free_ports(1)
        self.url = f"nats://127.0.0.1:{self.port}"
        store = f'jetstream {{ store_dir: "{folder}" }}\n' if jetstream else ""
        (folder / "nats.conf").write_text(f"listen: 127.0.0.1:{self.port}\n{store}{more}\n")

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._binary), "--config", str(self._folder / "nats.conf")], stdout=output, stderr=output
            )
        wait_until_ready("nats-server", self._process, lambda: _answers(self.port), self._folder / "output")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


def _answers(port: int) -> bool:
    """Whether a server greets there; it does when its streams are loaded."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False
