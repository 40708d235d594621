"""A PostgreSQL server of the tests' own: on a free loopback port, with its data in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers import free_ports, require, wait_until_ready


class PostgreSql:
    """Started with `start`, stopped with `stop` or `kill`. One server, and a new database for each test."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._binaries = require("postgresql", "postgres", "/usr/lib/postgresql/*/bin/postgres").resolve().parent
        self._folder = folder
        self._fsync = "on" if durable else "off"  # no test cuts the power
        self._user = _other_user()
        [self.port] = free_ports(1)
        self._own(folder)
        self._run("initdb", "--pgdata", str(folder / "data"), "--username=postgres", "--no-locale", "--encoding=UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it takes connections."""
        command: list[str | Path] = [
            self._binaries / "postgres",
            "-D",
            self._folder / "data",
            "-p",
            str(self.port),
            "-h",
            "127.0.0.1",
        ]
        command += ["-k", self._folder, "-c", f"fsync={self._fsync}", "-c", "max_connections=200"]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, user=self._user, cwd=self._folder)
        wait_until_ready("PostgreSQL", self._process, self._answers, self._folder / "output")

    def new_database(self) -> str:
        """The URL of a database that is empty."""
        name = f"test-{uuid4()}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url.rpartition("/")[0] + f"/{name}"

    def require_passwords(self, password: str) -> None:
        """From now on for everyone; that of `postgres` is given."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE postgres PASSWORD '{password}'".encode())
            (self._folder / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends all connections and the server."""
        self._process.send_signal(number)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, user=self._user, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _own(self, folder: Path) -> None:
        """PostgreSQL does not run as root, and its user must reach the folder."""
        if self._user is None:
            return
        shutil.chown(folder, self._user)
        for parent in folder.parents:
            if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o077 == 0:
                parent.chmod(0o711)


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
