from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.azure.metadata import AzureMetadata


def metadata(**given: Any) -> AzureMetadata:
    return AzureMetadata.model_validate(given)


def test_older_names_of_dapr_are_understood() -> None:
    older = metadata(storageAccount="acme", storageAccessKey="s3cr3t", spnClientId="app", azureCloud="AzureChinaCloud")
    assert (older.account_name, older.azure_client_id, older.suffix) == ("acme", "app", "core.chinacloudapi.cn")
    assert older.account_key is not None
    assert older.account_key.get_secret_value() == "s3cr3t"


def test_name_of_today_goes_before_an_older_one() -> None:
    assert metadata(storageAccount="old", accountName="new").account_name == "new"


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("AzurePublicCloud", "core.windows.net"),
        ("azurepublic", "core.windows.net"),
        ("AzureUSGovernmentCloud", "core.usgovcloudapi.net"),
    ],
)
def test_clouds(name: str, suffix: str) -> None:
    assert metadata(azureEnvironment=name).suffix == suffix


def test_ways_to_log_in_are_tried_in_their_order() -> None:
    everything = [
        "clientcredentials",
        "clientcertificate",
        "workloadidentity",
        "managedidentity",
        "commandlineinterface",
    ]
    assert metadata().auth_methods == everything
    assert metadata(azureAuthMethods="MI, creds").auth_methods == ["managedidentity", "clientcredentials"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"azureEnvironment": "Moon"}, "none of AzurePublicCloud"),
        ({"azureAuthMethods": "magic"}, "'magic' is none of clientcredentials"),
        ({"accountname": "acme"}, "Extra inputs are not permitted"),
    ],
)
def test_metadata_that_cannot_be_right_are_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        metadata(**given)


def test_secrets_are_not_shown() -> None:
    assert "s3cr3t" not in repr(metadata(accountName="a", accountKey="s3cr3t", azureClientSecret="s3cr3t"))
