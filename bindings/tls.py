"""The TLS settings of clients, from the metadata of their components."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.errors import DefinitionError

Names: TypeAlias = tuple[str, str, str]
"""What the authorities, the certificate and the key are called in the component's metadata."""

NAMES: Names = ("caCert", "clientCert", "clientKey")


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM, or the paths of PEM files."""

    authorities: str | None = None  # None: those of the system
    certificate: str | None = None
    key: str | None = None
    names: Names = NAMES

    def context(self) -> ssl.SSLContext:
        """Reads files, so it blocks; raises `DefinitionError`."""
        authorities_name, certificate_name, key_name = self.names
        authorities = _pem(authorities_name, self.authorities) if self.authorities else None
        if not (self.certificate and self.key):
            return pem_context(authorities, None, None, self.names)
        certificate, key = _pem(certificate_name, self.certificate), _pem(key_name, self.key)
        return pem_context(authorities, certificate, key, self.names)


def pem_context(
    authorities: str | None, certificate: str | None, key: str | None, names: Names = NAMES
) -> ssl.SSLContext:
    """From PEM alone. Writes files, so it blocks; raises `DefinitionError`."""
    authorities_name, certificate_name, key_name = names
    try:
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, TypeError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else "it is not ASCII"
        raise DefinitionError(f"{authorities_name} has no certificate that can be used: {reason}") from error
    if certificate and key:
        try:
            _load(context, certificate, key)
        except ssl.SSLError as error:
            reason = error.reason or "the key needs a password"
            raise DefinitionError(f"{certificate_name} and {key_name} cannot be used: {reason}") from error
    return context


def _pem(name: str, value: str) -> str:
    """The value itself, or the content of the file that it names. The value is not shown: it could be a key."""
    if "-----BEGIN" in value:
        return value
    try:
        return Path(value).read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DefinitionError(f"{name} is neither PEM nor a file that can be read: {reason}") from error


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # ssl takes files only
        paths = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, pem in zip(paths, (certificate, key), strict=True):
            path.write_text(pem)
        context.load_cert_chain(*paths, password="")  # or OpenSSL asks on the terminal
