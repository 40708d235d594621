from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from bindings.tls import ClientTls
from engine.errors import DefinitionError
from tests.bindings.keys import Keys, make_keys

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "guest")


def test_certificates_of_the_system_are_trusted_by_default() -> None:
    context = ClientTls().context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@needs_openssl
def test_pem_and_paths_are_as_good(keys: Keys) -> None:
    files = (keys.authority, keys.certificate, keys.key)
    for authority, certificate, key in (map(str, files), (path.read_text() for path in files)):
        context = ClientTls(authority, certificate, key).context()
        assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "authority"),),)]


@needs_openssl
def test_what_cannot_be_used_is_refused_by_its_name_without_showing_it(keys: Keys, tmp_path: Path) -> None:
    names = ("CA", "CERT", "KEY")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    certificate, key = keys.certificate.read_text(), keys.key.read_text()
    pem = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"
    for tls, problem in (
        (ClientTls(pem, names=names), "CA has no certificate that can be used"),
        (ClientTls("-----BEGIN ü", names=names), "CA has no certificate that can be used: it is not ASCII"),
        (ClientTls("s3cret", names=names), "CA is neither PEM nor a file that can be read: No such file"),
        (ClientTls(str(tmp_path / "binary"), names=names), "CA is neither PEM nor a file that can be read: it is not"),
        (ClientTls(None, pem, key, names=names), "CERT and KEY cannot be used"),
        (ClientTls(None, certificate, "s3cret", names=names), "KEY is neither PEM nor a file"),
        (ClientTls(None, certificate, keys.locked_key.read_text(), names=names), "CERT and KEY cannot be used"),
    ):
        with pytest.raises(DefinitionError, match=problem) as caught:
            tls.context()
        assert "s3cret" not in str(caught.value)
