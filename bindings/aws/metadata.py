from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from bindings.metadata import Metadata, Secret, Text


class AwsMetadata(Metadata):
    """What every AWS component has: where the service is, and who calls it (Dapr's authentication profile `aws`).

    Without `accessKey` and `assumeRoleArn` the credentials are found as every AWS program finds them: in the
    environment, in ~/.aws, or from the machine that it runs on.
    """

    region: Text | None = Field(
        None,
        description="The AWS region. Default: that of the environment (AWS_REGION, ~/.aws/config).",
        examples=["eu-central-1"],
    )
    aws_region: Text | None = Field(None, description="Another name of `region`, an older one.", examples=["us-east-1"])
    access_key: Text | None = Field(
        None, description="The id of the access key; `secretKey` belongs to it.", examples=["AKIAIOSFODNN7EXAMPLE"]
    )
    secret_key: Secret | None = Field(None, description="The secret of the access key.", examples=["wJalrXUtnFEMI..."])
    session_token: Secret | None = Field(
        None, description="The token that belongs to temporary credentials.", examples=["IQoJb3JpZ2luX2Vj..."]
    )
    endpoint: Text | None = Field(
        None,
        description="The address of another service that speaks the protocol: an emulator, MinIO. Default: AWS.",
        examples=["http://localhost:4566"],
    )
    assume_role_arn: Text | None = Field(
        None,
        description="The role to take on, with the credentials of the environment; not used when there is an "
        "`accessKey`.",
        examples=["arn:aws:iam::123456789012:role/orders"],
    )
    session_name: Text | None = Field(
        None,
        description="The name of the session of the assumed role. Default: `DaprDefaultSession`.",
        examples=["orders-service"],
    )
    assume_role_session_name: Text | None = Field(
        None, description="Another name of `sessionName`, which Dapr reads.", examples=["orders-service"]
    )
    trust_anchor_arn: Text | None = Field(
        None,
        description="Refused: IAM Roles Anywhere with the certificates of Dapr's control plane.",
        examples=["arn:aws:rolesanywhere:us-east-1:123456789012:trust-anchor/a1"],
    )
    trust_profile_arn: Text | None = Field(
        None,
        description="Refused, as `trustAnchorArn`.",
        examples=["arn:aws:rolesanywhere:us-east-1:123456789012:profile/p1"],
    )

    @property
    def region_name(self) -> str | None:
        """The region that is named; an emulator takes any, so that its users need name none."""
        return self.region or self.aws_region or ("us-east-1" if self.endpoint else None)

    @property
    def role_session_name(self) -> str:
        return self.session_name or self.assume_role_session_name or "DaprDefaultSession"

    @field_validator("trust_anchor_arn", "trust_profile_arn")
    @classmethod
    def _no_roles_anywhere(cls, arn: str | None) -> str | None:
        if arn:
            raise ValueError(
                "IAM Roles Anywhere is not understood; let its credential helper be the `credential_process` "
                "of a profile in ~/.aws/config, and leave this out"
            )
        return arn

    @model_validator(mode="after")
    def _key_is_whole(self) -> AwsMetadata:
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("accessKey and secretKey belong together: set both or none")
        return self
