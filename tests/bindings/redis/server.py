"""Redis servers of the tests' own: on free loopback ports, with their data in a temporary folder."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

from tests.bindings.keys import Keys
from tests.servers import free_ports, require, wait_until_ready


class RedisServer:
    """Started with `start`, stopped with `stop` or `kill`; what it has confirmed survives both."""

    def __init__(self, folder: Path, *lines: str, password: str = "", keys: Keys | None = None) -> None:
        self._binary = require("redis-server", "redis-server", "/usr/bin/redis-server")
        self._folder = folder
        self.port, self.tls_port = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self._password = password
        self._lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            "appendonly yes",
            "appendfsync always",
            'save ""',
            *lines,
        ]
        if password:
            self._lines.append(f"requirepass {password}")
        if keys is not None:
            self._lines += [
                f"tls-port {self.tls_port}",
                f"tls-ca-cert-file {keys.authority}",
                f"tls-cert-file {keys.certificate}",
                f"tls-key-file {keys.key}",
                "tls-auth-clients yes",
            ]

    def start(self, *arguments: str) -> None:
        """Returns when it takes commands."""
        (self._folder / "redis.conf").write_text("\n".join(self._lines) + "\n")
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._binary), str(self._folder / "redis.conf"), *arguments],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until_ready("Redis", self._process, self._answers, self._folder / "output")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    stop = kill

    def say(self, *command: str) -> bytes:
        """The first bytes of the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            if self._password:
                connection.sendall(_written("AUTH", self._password))
                connection.recv(1000)
            connection.sendall(_written(*command))
            return connection.recv(65_536)

    def _answers(self) -> bool:
        try:
            return self.say("PING").startswith(b"+PONG")
        except OSError:
            return False


def _written(*command: str) -> bytes:
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        parts.append(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()))
    return b"".join(parts)
