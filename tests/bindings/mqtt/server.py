"""A Mosquitto of the tests' own: on free loopback ports, with its data in a temporary folder."""

from __future__ import annotations

import getpass
import socket
import subprocess
from pathlib import Path

from tests.bindings.keys import Keys
from tests.servers import free_ports, require, wait_until_ready


class Mosquitto:
    """Started with `start`, stopped with `stop` or `kill`; its sessions stay until the folder is gone, when it was
    stopped in order. `more`: lines of its configuration.
    """

    def __init__(self, folder: Path, more: str = "allow_anonymous true", keys: Keys | None = None) -> None:
        self._binary = require("mosquitto", "mosquitto", "/usr/sbin/mosquitto")
        self._folder = folder
        self.port, self.tls_port = free_ports(2)
        self.url = f"tcp://127.0.0.1:{self.port}"
        lines = [
            f"listener {self.port} 127.0.0.1",
            more,
            f"user {getpass.getuser()}",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            *([] if "max_inflight" in more else ["max_inflight_messages 0"]),
        ]
        if keys is not None:
            lines += [
                f"listener {self.tls_port} 127.0.0.1",
                "allow_anonymous true",
                f"cafile {keys.authority}",
                f"certfile {keys.certificate}",
                f"keyfile {keys.key}",
                "require_certificate true",
            ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._binary), "-c", str(self._folder / "mosquitto.conf")], stdout=output, stderr=output
            )
        wait_until_ready("Mosquitto", self._process, lambda: _answers(self.port), self._folder / "output")

    def stop(self) -> None:
        """It writes its sessions."""
        self._process.terminate()
        self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
