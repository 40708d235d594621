"""Certificates for tests, made with the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Keys:
    """An authority, and one certificate of it for the server and the client."""

    authority: Path
    certificate: Path
    key: Path
    locked_key: Path


def make_keys(folder: Path, name: str) -> Keys:
    """A certificate of `name` for 127.0.0.1."""
    keys = Keys(*(folder / f"{part}.pem" for part in ("authority", "certificate", "key", "locked")))
    authority_key = folder / "authority-key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    found = f"{make} -subj /CN=authority -out {keys.authority} -keyout {authority_key}"
    sign = f"{make} -subj /CN={name} -CA {keys.authority} -CAkey {authority_key} -out {keys.certificate}"
    sign += f" -keyout {keys.key} -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    lock = f"openssl pkey -in {keys.key} -aes128 -passout pass:secret -out {keys.locked_key}"
    for command in (found, sign, lock):
        subprocess.run(command.split(), check=True, capture_output=True)
    return keys
