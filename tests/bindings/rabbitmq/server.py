"""A RabbitMQ server of the tests' own: on free loopback ports, with its data in a temporary folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.bindings.keys import Keys
from tests.servers import free_ports, require, wait_until_ready


class RabbitMq:
    """Started with `start`, stopped with `stop` (in order) or `kill`; its data stays until the folder is gone."""

    def __init__(self, folder: Path, keys: Keys | None = None) -> None:
        # Not the one on the PATH of Debian, which changes to the user and the folder of the system's instance.
        self._binary = require("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
        self._folder = folder
        self.port, self.tls_port, self._names_port, self._cluster_port = free_ports(4)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        (folder / "home").mkdir()
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self.port}", "log.file = false", "log.console = true"]
        if keys is not None:
            lines += self._tls(keys)
            (folder / "plugins").write_text("[rabbitmq_auth_mechanism_ssl].")
        (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    def _tls(self, keys: Keys) -> list[str]:
        """It wants a client certificate, and may take the user from it."""
        return [
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
            f"ssl_options.cacertfile = {keys.authority}",
            f"ssl_options.certfile = {keys.certificate}",
            f"ssl_options.keyfile = {keys.key}",
            "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = true",
            "auth_mechanisms.1 = PLAIN",
            "auth_mechanisms.2 = EXTERNAL",
            "ssl_cert_login_from = common_name",
        ]

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._binary)], env=self._environment(), stdout=output, stderr=output, start_new_session=True
            )
        wait_until_ready("RabbitMQ", self._process, lambda: _answers(self.port), self._folder / "output")

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        self.kill()
        # The names' server of Erlang goes into the background, in a session of its own.
        subprocess.run(["epmd", "-port", str(self._names_port), "-kill"], check=False, capture_output=True)

    def _environment(self) -> Mapping[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_DIST_PORT": str(self._cluster_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODENAME": f"jackfield{self.port}@localhost",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def _answers(port: int) -> bool:
    """Whether AMQP is spoken there: the server greets a client that says which version it wants."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
