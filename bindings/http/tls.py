from __future__ import annotations

import ssl

from bindings.http.metadata import HttpMetadata
from bindings.tls import ClientTls

_NAMES = ("MTLSRootCA", "MTLSClientCert", "MTLSClientKey")


def make_tls(metadata: HttpMetadata) -> ssl.SSLContext:
    """The TLS settings of the output. Reads files, so it blocks; raises `DefinitionError`."""
    key = metadata.mtls_client_key.get_secret_value() if metadata.mtls_client_key else None
    context = ClientTls(metadata.mtls_root_ca, metadata.mtls_client_cert, key, _NAMES).context()
    if metadata.mtls_renegotiation == "RenegotiateNever":
        context.options |= ssl.OP_NO_RENEGOTIATION
    return context
