"""Who uses a storage account: its key, or a login at Microsoft Entra ID, in the ways that Dapr tries."""

from __future__ import annotations

from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity import AzureAuthorityHosts
from azure.identity.aio import (
    AzureCliCredential,
    CertificateCredential,
    ChainedTokenCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from bindings.azure.metadata import AzureMetadata
from engine.errors import DefinitionError

_AUTHORITIES = {
    "core.windows.net": AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
    "core.chinacloudapi.cn": AzureAuthorityHosts.AZURE_CHINA,
    "core.usgovcloudapi.net": AzureAuthorityHosts.AZURE_GOVERNMENT,
}


def credential_of(metadata: AzureMetadata) -> AzureNamedKeyCredential | ChainedTokenCredential:
    """Reads the file of a certificate, so it blocks. Raises `DefinitionError`. A chain must be closed."""
    if metadata.account_key and metadata.account_name:
        return AzureNamedKeyCredential(metadata.account_name, metadata.account_key.get_secret_value())
    logins = [login for method in metadata.auth_methods if (login := _login(metadata, method)) is not None]
    if not logins:
        hint = "set `accountKey`, or `azureTenantId`, `azureClientId` and `azureClientSecret`"
        raise DefinitionError("there is nothing to log in with", hint=hint)
    return ChainedTokenCredential(*logins)


def _login(metadata: AzureMetadata, method: str) -> AsyncTokenCredential | None:
    """None where the metadata and the machine have nothing for it."""
    tenant, client, authority = metadata.azure_tenant_id, metadata.azure_client_id, _AUTHORITIES[metadata.suffix]
    try:
        match method:
            case "clientcredentials" if tenant and client and metadata.azure_client_secret:
                secret = metadata.azure_client_secret.get_secret_value()
                return ClientSecretCredential(tenant, client, secret, authority=authority)
            case "clientcertificate" if tenant and client and (data := _certificate(metadata)):
                password = metadata.azure_certificate_password
                return CertificateCredential(
                    tenant,
                    client,
                    certificate_data=data,
                    password=password.get_secret_value() if password else None,
                    authority=authority,
                )
            case "workloadidentity":
                return WorkloadIdentityCredential(tenant_id=tenant, client_id=client, authority=authority)
            case "managedidentity":
                return ManagedIdentityCredential(client_id=client)
            case "commandlineinterface":
                return AzureCliCredential(tenant_id=tenant or "")
    except ValueError as error:
        if method == "workloadidentity":  # the machine has none
            return None
        raise DefinitionError(f"the certificate cannot be used: {error}", hint="look at `azureCertificate`") from error
    return None


def _certificate(metadata: AzureMetadata) -> bytes | None:
    if metadata.azure_certificate:
        return metadata.azure_certificate.get_secret_value().encode()
    if not metadata.azure_certificate_file:
        return None
    try:
        return Path(metadata.azure_certificate_file).read_bytes()
    except OSError as error:
        raise DefinitionError(f"azureCertificateFile cannot be read: {error.strerror}") from error
