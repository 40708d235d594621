from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from bindings.http.metadata import HttpMetadata
from engine.errors import DefinitionError


def make_tls(metadata: HttpMetadata) -> ssl.SSLContext:
    """The TLS settings of the output. Reads files, so it blocks; raises `DefinitionError`."""
    authorities = _pem("MTLSRootCA", metadata.mtls_root_ca) if metadata.mtls_root_ca else None
    try:
        context = ssl.create_default_context(cadata=authorities)
    except ssl.SSLError as error:
        raise DefinitionError(f"MTLSRootCA has no certificate that can be used: {error.reason}") from error
    if metadata.mtls_renegotiation == "RenegotiateNever":
        context.options |= ssl.OP_NO_RENEGOTIATION
    if metadata.mtls_client_cert and metadata.mtls_client_key:
        certificate = _pem("MTLSClientCert", metadata.mtls_client_cert)
        key = _pem("MTLSClientKey", metadata.mtls_client_key.get_secret_value())
        _load_client(context, certificate, key)
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


def _load_client(context: ssl.SSLContext, certificate: str, key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # ssl takes files only
        paths = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, pem in zip(paths, (certificate, key), strict=True):
            path.write_text(pem)
        try:
            context.load_cert_chain(*paths, password="")  # or OpenSSL asks on the terminal
        except ssl.SSLError as error:
            reason = error.reason or "the key needs a password"
            raise DefinitionError(f"MTLSClientCert and MTLSClientKey cannot be used: {reason}") from error
