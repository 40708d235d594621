"""AWS Secrets Manager as a secret store. Dapr's name of the type has no s in the middle."""

from __future__ import annotations

from pydantic import Field

from bindings.aws.metadata import AwsMetadata
from bindings.contract import Context, SecretStore
from bindings.manifest import ComponentType
from bindings.metadata import Flag


class SecretManagerMetadata(AwsMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-secret-stores/aws-secret-manager/"""

    multiple_key_values_per_secret: Flag = Field(
        False,
        description="Whether a secret that is a JSON object has the keys of the object. Otherwise its only key is its "
        "name.",
        examples=["true"],
    )


def _secret_store(metadata: SecretManagerMetadata, context: Context) -> SecretStore:
    from bindings.aws.secretmanager.store import SecretManager

    return SecretManager(metadata)


component = ComponentType(
    name="secretstores.aws.secretmanager",
    summary="Secrets from AWS Secrets Manager.",
    metadata=SecretManagerMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: secrets
spec:
  type: secretstores.aws.secretmanager
  version: v1
  metadata:
    - name: region
      value: eu-central-1
    - name: multipleKeyValuesPerSecret
      value: true
""",
    secret_store=_secret_store,
    extra="aws",
)
