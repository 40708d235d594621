"""The TLS settings of clients, from the metadata of their components."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM, or the paths of PEM files. `names`: what these three are called in the component's metadata."""

    authorities: str | None = None  # None: those of the system
    certificate: str | None = None
    key: str | None = None
    names: tuple[str, str, str] = ("caCert", "clientCert", "clientKey")

    def context(self) -> ssl.SSLContext:
        """Reads files, so it blocks; raises `DefinitionError`."""
        authorities_name, certificate_name, key_name = self.names
        authorities = _pem(authorities_name, self.authorities) if self.authorities else None
        try:
            context = ssl.create_default_context(cadata=authorities)
        except (ssl.SSLError, TypeError) as error:
            reason = error.reason if isinstance(error, ssl.SSLError) else "it is not ASCII"
            raise DefinitionError(f"{authorities_name} has no certificate that can be used: {reason}") from error
        if self.certificate and self.key:
            try:
                _load(context, _pem(certificate_name, self.certificate), _pem(key_name, self.key))
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
