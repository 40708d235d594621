from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Any

from bindings.redis.settings import RedisSettings
from engine.errors import DefinitionError


class Tls:
    """The TLS options of the client, which takes a client certificate from files only: they live as long as this."""

    def __init__(self, settings: RedisSettings) -> None:
        """Reads and writes files, so it blocks; raises `DefinitionError`."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.options: dict[str, Any] = {}
        if not settings.enable_tls:
            return
        verified = not settings.insecure_skip_tls_verify
        self.options = {"ssl": True, "ssl_cert_reqs": "required" if verified else "none"}
        self.options["ssl_check_hostname"] = verified
        if settings.ca_cert:
            self.options["ssl_ca_data"] = settings.ca_cert
        try:
            context = ssl.create_default_context(cadata=settings.ca_cert)
        except ssl.SSLError as error:
            raise DefinitionError(f"caCert has no certificate that can be used: {error.reason}") from error
        if settings.client_cert and settings.client_key:
            self._write(context, settings.client_cert, settings.client_key.get_secret_value())

    def _write(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        self._folder = tempfile.TemporaryDirectory()  # for this user only
        files = Path(self._folder.name, "certificate.pem"), Path(self._folder.name, "key.pem")
        for path, text in zip(files, (certificate, key), strict=True):
            path.write_text(text)
        try:
            context.load_cert_chain(*files, password="")  # or OpenSSL asks on the terminal
        except ssl.SSLError as error:
            self.close()
            reason = error.reason or "the key needs a password"
            raise DefinitionError(f"clientCert and clientKey cannot be used: {reason}") from error
        self.options |= {"ssl_certfile": str(files[0]), "ssl_keyfile": str(files[1])}

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
