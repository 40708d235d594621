from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.identity.aio import ChainedTokenCredential

from bindings.azure.credentials import credential_of
from bindings.azure.metadata import AzureMetadata
from engine.errors import DefinitionError

APP = {"azureTenantId": "cd4b2887-304c-47e1-b4d5-65447fdd542a", "azureClientId": "c7dd251f-811f-4ba2-a905-acd4d3f8f08b"}


def metadata(**given: Any) -> AzureMetadata:
    return AzureMetadata.model_validate({"accountName": "acme", **given})


async def logins(**given: Any) -> list[str]:
    """The names of the ways that are tried."""
    chain = credential_of(metadata(**given))
    assert isinstance(chain, ChainedTokenCredential)
    names = [type(one).__name__ for one in chain.credentials]
    await chain.close()
    return names


@pytest.fixture(autouse=True)
def _no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_account_key_goes_before_everything() -> None:
    credential = credential_of(metadata(accountKey="s3cr3t", azureClientSecret="other", **APP))
    assert isinstance(credential, AzureNamedKeyCredential)
    assert credential.named_key == ("acme", "s3cr3t")


async def test_secret_of_an_application_goes_before_identities_of_the_machine() -> None:
    assert await logins(azureClientSecret="s3cr3t", **APP) == [
        "ClientSecretCredential",
        "ManagedIdentityCredential",
        "AzureCliCredential",
    ]


async def test_workload_identity_is_tried_where_the_machine_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
    assert (await logins(**APP))[0] == "WorkloadIdentityCredential"


@pytest.fixture
def pem(tmp_path: Path) -> tuple[Path, str]:
    """A certificate and its key: the file, and what is in it."""
    pem, key = tmp_path / "app.pem", tmp_path / "key.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=app -out {pem} -keyout {key}"
    subprocess.run(make.split(), check=True, capture_output=True)
    text = key.read_text() + pem.read_text()
    pem.write_text(text)
    return pem, text


async def test_certificate_of_an_application(pem: tuple[Path, str]) -> None:
    for given in ({"azureCertificateFile": str(pem[0])}, {"azureCertificate": pem[1]}):
        assert await logins(**given, **APP, azureAuthMethods="cert") == ["CertificateCredential"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"azureAuthMethods": "creds"}, "there is nothing to log in with"),
        ({**APP, "azureCertificate": "s3cr3t"}, "the certificate cannot be used"),
        ({**APP, "azureCertificateFile": "/nowhere/app.pem"}, "azureCertificateFile cannot be read: No such file"),
    ],
)
def test_login_that_cannot_work_is_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem) as raised:
        credential_of(metadata(**given))
    assert "s3cr3t" not in str(raised.value)
