"""A Kafka server of the tests' own: one broker in KRaft mode, on free loopback ports, its data in a temp folder."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.bindings.kafka.jars import kafka_jars
from tests.bindings.keys import Keys
from tests.servers import free_ports, require, wait_until_ready

USER, PASSWORD = "shop", "s3cret-of-the-shop"
# A server of tests starts often and runs briefly: few threads, no optimizing compiler, a small heap.
_JAVA = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dslf4j.internal.verbosity=ERROR"]
_LOGIN = "org.apache.kafka.common.security"


class Kafka:
    """Started with `start`, stopped with `stop` or `kill`; its data stays until the folder is gone.

    `port` is for clients without a login. `proxied_port` is too, and sends them to `proxy_port`, where a proxy may
    stand. `password_port` wants a user, with PLAIN or SCRAM, `token_port` a token; with keys, `tls_port` wants a client
    certificate, and `tls_password_port` a user.
    """

    def __init__(
        self, folder: Path, keys: Keys | None = None, *, makes_topics: bool = True, partitions: int = 1
    ) -> None:
        self._java = require("default-jre-headless", "java")
        self._jars = kafka_jars()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.proxied_port, self.proxy_port, self.password_port, self.token_port, *more = free_ports(8)
        self.tls_port, self.tls_password_port, self._controller_port = more
        self.address = f"127.0.0.1:{self.port}"
        self._ports = (self.port, self.proxied_port)
        listeners = {
            "PLAIN": ("PLAINTEXT", self.port, self.port),
            "PROXIED": ("PLAINTEXT", self.proxied_port, self.proxy_port),
            "PASSWORD": ("SASL_PLAINTEXT", self.password_port, self.password_port),
            "TOKEN": ("SASL_PLAINTEXT", self.token_port, self.token_port),
        }
        if keys is not None:
            listeners["TLS"] = ("SSL", self.tls_port, self.tls_port)
            listeners["TLSPASSWORD"] = ("SASL_SSL", self.tls_password_port, self.tls_password_port)
        settings = {
            **self._broker(listeners),
            **_logins("password"),
            **_tokens("token"),
            **(_tls(folder, keys) if keys is not None else {}),
            "auto.create.topics.enable": str(makes_topics).lower(),
            "num.partitions": str(partitions),
        }
        self._settings = folder / "server.properties"
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def start(self) -> None:
        """Returns when it takes connections."""
        if not (self._folder / "data").exists():
            user = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
            scram = [word for one in user for word in ("--add-scram", one)]
            format = ["format", "--cluster-id", "amFja2ZpZWxkLXRlc3RzIQ", "--config", str(self._settings), *scram]
            subprocess.run(self._command("kafka.tools.StorageTool", *format), check=True, capture_output=True)
        output = self._folder / "output"
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._settings)), stdout=file, stderr=file, start_new_session=True
            )
        wait_until_ready("Kafka", self._process, lambda: all(_answers(port) for port in self._ports), output)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        self.kill()

    def _command(self, main: str, *arguments: str) -> list[str]:
        return [str(self._java), *_JAVA, "-cp", f"{self._jars}{os.sep}*", main, *arguments]

    def _broker(self, listeners: Mapping[str, tuple[str, int, int]]) -> dict[str, str]:
        own = [f"{name}://127.0.0.1:{port}" for name, (_, port, _) in listeners.items()]
        told = [f"{name}://127.0.0.1:{port}" for name, (_, _, port) in listeners.items()]
        kinds = [f"{name}:{kind}" for name, (kind, _, _) in listeners.items()]
        replicas = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAIN",
            "listeners": ",".join([*own, f"CONTROLLER://127.0.0.1:{self._controller_port}"]),
            "advertised.listeners": ",".join(told),
            "listener.security.protocol.map": ",".join([*kinds, "CONTROLLER:PLAINTEXT"]),
            "log.dirs": str(self._folder / "data"),
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "transaction.state.log.min.isr": "1",
            "broker.session.timeout.ms": "2000",  # one that was killed may come back only after it
            "broker.heartbeat.interval.ms": "200",
            "num.network.threads": "1",
            "num.io.threads": "2",
            "log.cleaner.enable": "false",
            **{f"{name}.replication.factor": "1" for name in replicas},
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.num.partitions": "1",
        }


def _logins(listener: str) -> dict[str, str]:
    prefix = f"listener.name.{listener}"
    plain = f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{_LOGIN}.scram.ScramLoginModule required;"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"{prefix}.plain.sasl.jaas.config": plain,
        f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
        f"{prefix}.scram-sha-512.sasl.jaas.config": scram,
    }


def _tokens(listener: str) -> dict[str, str]:
    """It takes any token that is not signed and has not expired."""
    prefix = f"listener.name.{listener}"
    handler = f"{_LOGIN}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{prefix}.oauthbearer.sasl.jaas.config": f"{_LOGIN}.oauthbearer.OAuthBearerLoginModule required;",
        f"{prefix}.oauthbearer.sasl.server.callback.handler.class": handler,
    }


def _tls(folder: Path, keys: Keys) -> dict[str, str]:
    store = folder / "server.pem"
    store.write_text(keys.key.read_text() + keys.certificate.read_text())
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(keys.authority),
        "listener.name.tls.ssl.client.auth": "required",
        **_logins("tlspassword"),
    }


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False
