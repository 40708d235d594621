"""An operator, an account and a user of NATS, as nsc makes them: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys


@dataclass(frozen=True)
class Accounts:
    configuration: str
    jwt: str
    seed: str
    other_seed: str


def operator_mode(folder: Path) -> Accounts:
    """The lines of a server's configuration, and the JWT and the seed of a user."""
    operator, account, user = (_pair(kind) for kind in ("OPERATOR", "ACCOUNT", "USER"))
    all_of = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1}
    stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    (folder / "operator.jwt").write_text(_jwt(operator, operator, "operator", {}))
    of_account = _jwt(operator, account, "account", {"limits": {**all_of, **stored, "wildcards": True}})
    system = _pair("ACCOUNT")
    of_system = _jwt(operator, system, "account", {"limits": {**all_of, "wildcards": True}})
    of_user = _jwt(account, user, "user", {"subs": -1, "data": -1, "payload": -1})
    configuration = f"""
        operator: "{folder / "operator.jwt"}"
        system_account: {_public(system)}
        resolver: MEMORY
        resolver_preload: {{
            {_public(account)}: {of_account}
            {_public(system)}: {of_system}
        }}
    """
    return Accounts(configuration, of_user, user.seed.decode(), _pair("USER").seed.decode())


def _pair(kind: str) -> Any:
    seed = nkeys.encode_seed(os.urandom(32), getattr(nkeys, f"PREFIX_BYTE_{kind}"))
    return nkeys.from_seed(bytearray(seed))


def _public(pair: Any) -> str:
    return str(pair.public_key.decode())


def _jwt(issuer: Any, subject: Any, kind: str, more: dict[str, object]) -> str:
    claims = {
        "jti": base64.b32encode(os.urandom(32)).decode().rstrip("="),
        "iat": 1_700_000_000,
        "iss": _public(issuer),
        "name": kind,
        "sub": _public(subject),
        "nats": {**more, "type": kind, "version": 2},
    }
    head = _encoded({"typ": "JWT", "alg": "ed25519-nkey"})
    signed = f"{head}.{_encoded(claims)}"
    return f"{signed}.{base64.urlsafe_b64encode(issuer.sign(signed.encode())).decode().rstrip('=')}"


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
