from __future__ import annotations

import ssl

from bindings.rabbitmq.server import ServerMetadata
from bindings.tls import pem_context


def make_tls(metadata: ServerMetadata) -> ssl.SSLContext | None:
    """The TLS settings of an `amqps` address. Writes files, so it blocks; raises `DefinitionError`."""
    if metadata.url.scheme != "amqps":
        return None
    key = metadata.client_key.get_secret_value() if metadata.client_key else None
    return pem_context(metadata.ca_cert, metadata.client_cert, key)
