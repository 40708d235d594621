from __future__ import annotations

from pydantic import Field

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import BindingMetadata, StateMetadata, Text

_TABLE = r"^[a-zA-Z0-9_.-]+$|^arn:[^:]+:dynamodb:"


class DynamoDbMetadata(AwsMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/dynamodb/"""

    table: Text = Field(
        description="The table, which must be there: its name, or its ARN.", examples=["orders"], pattern=_TABLE
    )


class DynamoDbStateMetadata(AwsMetadata, StateMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-dynamodb/"""

    table: Text = Field(
        description="The table, which must be there: its name, or its ARN. Its only key is `partitionKey`, a string.",
        examples=["state"],
        pattern=_TABLE,
    )
    partition_key: Text = Field(
        "key", description="The attribute that is the partition key of the table.", examples=["id"], min_length=1
    )
    ttl_attribute_name: Text | None = Field(
        None,
        description="The attribute that holds when an item expires, in seconds since the epoch; make it that of the "
        "table's TTL too, or what has expired stays there. Without it a time to live is refused.",
        examples=["expiresAt"],
    )
