from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from bindings.rabbitmq.server import ServerMetadata
from engine.errors import DefinitionError


def make_tls(metadata: ServerMetadata) -> ssl.SSLContext | None:
    """The TLS settings of an `amqps` address. Reads files, so it blocks; raises `DefinitionError`."""
    if metadata.url.scheme != "amqps":
        return None
    try:
        context = ssl.create_default_context(cadata=metadata.ca_cert)
    except ssl.SSLError as error:
        raise DefinitionError(f"caCert has no certificate that can be used: {error.reason}") from error
    if metadata.client_cert and metadata.client_key:
        with tempfile.TemporaryDirectory() as folder:  # ssl takes files only
            certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            certificate.write_text(metadata.client_cert)
            key.write_text(metadata.client_key.get_secret_value())
            try:
                context.load_cert_chain(certificate, key, password="")  # or OpenSSL asks on the terminal
            except ssl.SSLError as error:
                reason = error.reason or "the key needs a password"
                raise DefinitionError(f"clientCert and clientKey cannot be used: {reason}") from error
    return context
