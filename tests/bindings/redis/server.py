"""Redis servers of the tests' own: on free loopback ports, with their data in a temporary folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.bindings.keys import Keys
from tests.servers import free_ports, require, wait_until_ready

_DURABLE = ("appendonly yes", "appendfsync always", 'save ""')


class RedisServer:
    """Started with `start`, stopped with `stop` or `kill`; what it has confirmed survives both when it is durable."""

    def __init__(
        self, folder: Path, *lines: str, password: str = "", keys: Keys | None = None, durable: bool = True
    ) -> None:
        self._binary = require("redis-server", "redis-server", "/usr/bin/redis-server")
        self._folder = folder
        self.port, self.tls_port = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self._password = password
        self._lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            *(_DURABLE if durable else ()),
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
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%s\r\n" % (len(word), word) for word in words])


class RedisCluster:
    """Three nodes with a third of the slots each."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(3)  # of the bus, which is not the usual 10,000 higher
        self.nodes = []
        for number, port in enumerate(ports):
            (folder / str(number)).mkdir()
            lines = ("cluster-enabled yes", "cluster-node-timeout 2000", f"cluster-port {port}")
            self.nodes.append(RedisServer(folder / str(number), *lines, durable=False))
        self.address = ",".join(node.address for node in self.nodes)
        self._buses = ports

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        slots = ((0, 5460), (5461, 10922), (10923, 16383))
        for node, (first, last) in zip(self.nodes, slots, strict=True):
            node.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        for node, bus in zip(self.nodes[1:], self._buses[1:], strict=True):
            self.nodes[0].say("CLUSTER", "MEET", "127.0.0.1", str(node.port), str(bus))
        deadline = time.monotonic() + 30
        while not all(b"cluster_state:ok" in node.say("CLUSTER", "INFO") for node in self.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not form")
            time.sleep(0.05)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


class RedisSentinel:
    """A master, its replica, and a sentinel that makes the replica the master when the other one is gone."""

    def __init__(self, folder: Path) -> None:
        for name in ("master", "replica", "sentinel"):
            (folder / name).mkdir()
        self.master = RedisServer(folder / "master", "repl-diskless-sync-delay 0")
        self.replica = RedisServer(folder / "replica", f"replicaof 127.0.0.1 {self.master.port}")
        self.sentinel = RedisServer(
            folder / "sentinel",
            f"sentinel monitor orders 127.0.0.1 {self.master.port} 1",
            "sentinel down-after-milliseconds orders 300",
            "sentinel failover-timeout orders 2000",
            password="s3cret",
            durable=False,
        )
        self.address = self.sentinel.address

    def start(self) -> None:
        self.master.start()
        self.replica.start()
        self.sentinel.start("--sentinel")
        deadline = time.monotonic() + 30
        while b"slave0" not in self.master.say("INFO", "replication") or b"slaves=1" not in self.sentinel.say("INFO"):
            if time.monotonic() > deadline:
                raise RuntimeError("the sentinel has not found the replica")
            time.sleep(0.05)

    def stop(self) -> None:
        for server in (self.sentinel, self.replica, self.master):
            server.stop()
