from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from bindings.metadata import Metadata, Secret, Text

_SUFFIXES = {
    "azurepublic": "core.windows.net",
    "azurechina": "core.chinacloudapi.cn",
    "azureusgovernment": "core.usgovcloudapi.net",
}
AUTH_METHODS = {
    **{name: "clientcredentials" for name in ("clientcredentials", "creds")},
    **{name: "clientcertificate" for name in ("clientcertificate", "cert")},
    **{name: "workloadidentity" for name in ("workloadidentity", "wi")},
    **{name: "managedidentity" for name in ("managedidentity", "mi")},
    **{name: "commandlineinterface" for name in ("commandlineinterface", "cli")},
}
"""The names of ways to log in that are understood, and what each stands for."""


class AzureMetadata(Metadata):
    """What every component of an Azure storage account has: the account, and who uses it (Dapr's profile `azuread`).

    Without an account key the login is that of Microsoft Entra ID. Dapr knows many of these fields by older names as
    well; they are understood.
    """

    other_names: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("storageAccount", "storageAccountName"), "accountName"),
        **dict.fromkeys(("accessKey", "storageAccessKey", "storageAccountKey"), "accountKey"),
        **dict.fromkeys(("spnTenantId", "tenantId"), "azureTenantId"),
        **dict.fromkeys(("spnClientId", "clientId"), "azureClientId"),
        **dict.fromkeys(("spnClientSecret", "clientSecret"), "azureClientSecret"),
        "spnCertificate": "azureCertificate",
        "spnCertificateFile": "azureCertificateFile",
        "spnCertificatePassword": "azureCertificatePassword",
        "azureCloud": "azureEnvironment",
        **dict.fromkeys(
            ("azureADAuthMethods", "entraIDAuthMethods", "microsoftEntraIDAuthMethods"), "azureAuthMethods"
        ),
    }
    """Dapr's other names of a field, and the name that it has here."""

    account_name: Text | None = Field(
        None, description="The storage account; also `storageAccount`.", examples=["mystorageaccount"]
    )
    account_key: Secret | None = Field(
        None,
        description="A key of the account; also `storageAccountKey`. Without one the login is that of Entra ID.",
        examples=["Eby8vdM02xNOcq..."],
    )
    azure_tenant_id: Text | None = Field(None, description="Entra ID: the tenant.", examples=["cd4b2887-304c-47e1..."])
    azure_client_id: Text | None = Field(
        None,
        description="Entra ID: the application, or which of the managed identities of the machine.",
        examples=["c7dd251f-811f-4ba2-a905-acd4d3f8f08b"],
    )
    azure_client_secret: Secret | None = Field(
        None, description="Entra ID: the application's secret.", examples=["Ecy3XG7zVZK3..."]
    )
    azure_certificate: Secret | None = Field(
        None,
        description="Entra ID: the application's certificate and its key, in PEM.",
        examples=["-----BEGIN PRIVATE KEY-----\n..."],
    )
    azure_certificate_file: Text | None = Field(
        None, description="Entra ID: the file of them, in PEM or PKCS#12.", examples=["/etc/keys/app.pem"]
    )
    azure_certificate_password: Secret | None = Field(
        None, description="Entra ID: the password of the certificate.", examples=["password"]
    )
    azure_environment: Text = Field(
        "AzurePublicCloud",
        description="The cloud: `AzurePublicCloud`, `AzureChinaCloud` or `AzureUSGovernmentCloud`.",
        examples=["AzureChinaCloud"],
    )
    azure_auth_methods: Text | None = Field(
        None,
        description="Entra ID: the ways to log in that are tried, in their order: `clientcredentials`, "
        "`clientcertificate`, `workloadidentity`, `managedidentity`, `cli`. Default: all, in this order.",
        examples=["workloadidentity,managedidentity"],
    )

    @property
    def suffix(self) -> str:
        """The end of the names of the cloud's storage hosts."""
        return _SUFFIXES[_cloud(self.azure_environment)]

    @property
    def auth_methods(self) -> list[str]:
        given = self.azure_auth_methods or ",".join(dict.fromkeys(AUTH_METHODS.values()))
        return [AUTH_METHODS[name.strip().lower()] for name in given.split(",")]

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        renamed = {name: value for name, value in given.items() if name not in cls.other_names}
        for name, value in given.items():
            if name in cls.other_names:
                renamed.setdefault(cls.other_names[name], value)
        return renamed

    @field_validator("azure_environment")
    @classmethod
    def _environment_is_known(cls, name: str) -> str:
        if _cloud(name) not in _SUFFIXES:
            raise ValueError("it is none of AzurePublicCloud, AzureChinaCloud and AzureUSGovernmentCloud")
        return name

    @field_validator("azure_auth_methods")
    @classmethod
    def _methods_are_known(cls, methods: str | None) -> str | None:
        for name in methods.split(",") if methods else ():
            if name.strip().lower() not in AUTH_METHODS:
                raise ValueError(f"{name.strip()!r} is none of {', '.join(AUTH_METHODS)}")
        return methods or None


def _cloud(name: str) -> str:
    return name.lower().removesuffix("cloud")
