from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.kafka import component, pubsub_component
from bindings.kafka.metadata import KafkaMetadata

PASSWORD = {"authType": "password", "saslUsername": "u", "saslPassword": "p"}


def make(**values: Any) -> KafkaMetadata:
    return KafkaMetadata.model_validate({"brokers": "localhost:9092", **values})


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "authType is missing"),
        ({"authType": "awsiam"}, "AWS IAM is not supported: use authType password"),
        ({"authType": "oidc_private_key_jwt"}, "use authType oidc with a client secret"),
        ({"authType": "none", "awsRegion": "eu-west-1"}, "awsRegion: AWS IAM is not supported"),
        (
            {"authType": "none", "schemaRegistryURL": "http://localhost"},
            "schemaRegistryURL: there is no schema registry",
        ),
        ({"authType": "none", "schemaLatestVersionCacheTTL": "5m"}, "there is no schema registry"),
        ({"authType": "oidc", "oidcKid": "1"}, "oidcKid: the client assertion"),
        ({"authType": "password"}, "authType password needs saslUsername and saslPassword"),
        ({"authType": "certificate"}, "authType certificate needs caCert"),
        ({"authType": "mtls", "clientCert": "x"}, "authType mtls needs clientKey"),
        ({"authType": "mtls", "clientCert": "x", "clientKey": "y", "disableTls": "true"}, "leave disableTls out"),
        ({"authType": "oidc"}, "needs oidcTokenEndpoint and oidcClientID and oidcClientSecret"),
        ({"authType": "none", "oidcExtensions": "[1]"}, "oidcExtensions cannot be read"),
        ({"authType": "none", "oidcExtensions": "{"}, "oidcExtensions cannot be read"),
        ({"authType": "none", "heartbeatInterval": "10s"}, "heartbeatInterval must be less than sessionTimeout"),
        ({"authType": "none", "excludeHeaderMetaRegex": "("}, "it is not a regular expression"),
        ({"authType": "none", "maxMessageBytes": "10"}, "greater than or equal to 1000"),
        ({"authType": "none", "topic": "orders"}, "Extra inputs are not permitted"),
    ],
)
def test_setting_that_cannot_work_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        make(**values)


@pytest.mark.parametrize(
    ("values", "auth"),
    [
        ({"authRequired": "false"}, "none"),
        ({"authRequired": "true", "saslUsername": "u", "saslPassword": "p"}, "password"),
        ({"authRequired": "true", "clientCert": "x", "clientKey": "y"}, "mtls"),
        ({"authRequired": "true", "authType": "none"}, "none"),
    ],
)
def test_old_name_of_the_login_is_understood(values: dict[str, Any], auth: str) -> None:
    assert make(**values).auth == auth


def test_password_is_not_shown() -> None:
    assert "s3cret" not in repr(make(authType="password", saslUsername="u", saslPassword="s3cret"))


def test_topics_are_a_list_with_commas() -> None:
    assert make(authType="none", topics="a, b,,c ").topic_list == ["a", "b", "c"]
    assert make(authType="none").topic_list == []


def test_pubsub_has_the_same_settings_without_topics() -> None:
    fields = set(component.metadata.model_fields) - {"direction", "route", "topics", "publish_topic", "content_mode"}
    assert fields <= set(pubsub_component.metadata.model_fields)
