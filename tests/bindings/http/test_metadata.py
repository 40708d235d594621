from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bindings.http import component
from bindings.http.metadata import HttpMetadata


def test_metadata_reads_what_dapr_writes() -> None:
    metadata = HttpMetadata.model_validate(
        {
            "url": "https://api.example.com:8443/orders",
            "responseTimeout": "10s",
            "maxResponseBodySize": "64Ki",
            "errorIfNot2XX": "false",
            "MTLSRootCA": "ca.pem",
            "MTLSClientCert": "client.pem",
            "MTLSClientKey": "client.key",
            "MTLSRenegotiation": "RenegotiateOnceAsClient",
            "securityToken": "secret",
            "securityTokenHeader": "X-Token",
            "direction": "output",
        }
    )
    assert metadata.response_timeout == 10
    assert metadata.max_response_body_size == 65536
    assert metadata.error_if_not_2xx is False
    assert metadata.mtls_root_ca == "ca.pem"
    assert "secret" not in repr(metadata)


def test_metadata_has_defaults() -> None:
    metadata = HttpMetadata()
    assert (metadata.response_timeout, metadata.max_response_body_size) == (30, 100 * 2**20)
    assert (metadata.reply, metadata.durable, metadata.max_body_size) == (False, True, 4 * 2**20)
    assert metadata.allowed_methods == ("POST",)


def test_methods_are_read_as_people_write_them() -> None:
    assert HttpMetadata(methods=" post,PUT ").allowed_methods == ("POST", "PUT")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "api.example.com"},
        {"url": "ftp://api.example.com"},
        {"url": "https://"},
        {"url": "http://host:99999"},
        {"url": "http://a..b"},
        {"methods": "POST,"},
        {"methods": "PO ST"},
        {"token": ""},
        {"securityToken": "x"},
        {"securityToken": "x", "securityTokenHeader": "X Token"},
        {"MTLSClientCert": "client.pem"},
        {"MTLSRenegotiation": "Sometimes"},
        {"replyTimeout": "0s"},
    ],
)
def test_metadata_that_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpMetadata.model_validate(wrong)


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    HttpMetadata.model_validate({item["name"]: item.get("value", "from the secret store") for item in spec["metadata"]})
