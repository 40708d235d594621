"""The metadata of PostgreSQL's component types; its first part is common to all (components-contrib,
common/authentication/postgresql/metadata.go).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from bindings.metadata import (
    BindingMetadata,
    Duration,
    Flag,
    Interval,
    Metadata,
    PositiveDuration,
    Secret,
    StateMetadata,
    Text,
    Whole,
)

_NAME = r'([A-Za-z_][\w$]*|"[^"%]+")'
_TABLE = rf"^({_NAME}\.)?{_NAME}$"


class PostgreSqlMetadata(Metadata):
    connection_string: Secret | None = Field(
        None,
        description="Where the database is, and who may use it: a URL, or libpq's `name=value` pairs. The fields below "
        "override their parts of it.",
        examples=[
            "postgresql://shop:secret@db.example.com:5432/shop?sslmode=verify-full",
            "host=localhost user=shop password=secret port=5432 dbname=shop sslmode=require",
        ],
    )
    url: Secret | None = Field(
        None, description="Another name of `connectionString`.", examples=["postgresql://localhost/shop"]
    )
    host: Text | None = Field(None, description="The host of the server.", examples=["localhost"])
    hostaddr: Text | None = Field(
        None, alias="hostaddr", description="The host's IP address; spares the look-up.", examples=["127.0.0.1"]
    )
    port: Text | None = Field(None, description="The port of the server.", examples=["5432"])
    database: Text | None = Field(None, description="The name of the database.", examples=["shop"])
    user: Text | None = Field(None, description="The user.", examples=["shop"])
    password: Secret | None = Field(None, description="The user's password.", examples=["secret"])
    ssl_root_cert: Text | None = Field(
        None,
        description="The path of a file with the certificates to trust, in PEM. Whether they are looked at says "
        "`sslmode` in the connection string: `verify-ca` or `verify-full`.",
        examples=["/etc/ssl/db.pem"],
    )
    timeout: PositiveDuration = Field(
        20.0, description="The most time for one operation, and for connecting; at least 1s.", examples=["30s"], ge=1
    )
    timeout_in_seconds: PositiveDuration | None = Field(
        None, description="Another name of `timeout`.", examples=["30"], ge=1
    )
    max_conns: Whole = Field(
        0,
        description="How many connections there may be at once; 0 or less: 4, or the number of CPUs if that is more.",
        examples=["4"],
    )
    connection_max_idle_time: Duration | None = Field(
        None,
        description="After what time a connection that nobody uses is closed. Default: 30m.",
        examples=["5m"],
    )
    query_exec_mode: (
        Literal["", "cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"] | None
    ) = Field(
        None,
        description="Whether a state store's own statements are prepared on the server when they come again: "
        "`cache_statement`, the default. With any other, which are all one here, nothing is prepared, as poolers like "
        "PgBouncer may need it. The statements of a binding are never prepared.",
        examples=["exec"],
    )
    use_azure_ad: Flag = Field(
        False,
        alias="useAzureAD",
        description="Login with a token of Azure AD; refused: use a password.",
        examples=["false"],
    )
    use_aws_iam: Flag = Field(
        False,
        alias="useAWSIAM",
        description="Login with a token of AWS IAM; refused: use a password.",
        examples=["false"],
    )
    aws_access_key: Text | None = Field(
        None, description="For `useAWSIAM`; read, and not applied.", examples=["AKIAIOSFODNN7EXAMPLE"]
    )
    aws_secret_key: Secret | None = Field(
        None, description="For `useAWSIAM`; read, and not applied.", examples=["secret"]
    )
    aws_region: Text | None = Field(
        None, description="For `useAWSIAM`; read, and not applied.", examples=["eu-central-1"]
    )

    @property
    def patience(self) -> float:
        """Seconds for one operation."""
        return self.timeout_in_seconds or self.timeout

    @field_validator("use_azure_ad", "use_aws_iam")
    @classmethod
    def _password_only(cls, wanted: bool) -> bool:
        if wanted:
            raise ValueError("logins with a cloud's tokens are not supported: give the user a password")
        return wanted

    @model_validator(mode="after")
    def _says_where(self) -> PostgreSqlMetadata:
        if not (self.connection_string or self.url or self.host or self.hostaddr):
            raise ValueError("set connectionString, or host with user, password and database")
        return self


class PostgreSqlBindingMetadata(BindingMetadata, PostgreSqlMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/postgresql/"""


class PostgreSqlStateMetadata(StateMetadata, PostgreSqlMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-postgresql-v2/, and -v1."""

    table_name: Text = Field(
        "state",
        description="Version v1: the table of the values, perhaps with its schema; made when it is not there.",
        examples=["public.state"],
        pattern=_TABLE,
    )
    table_prefix: Text = Field(
        "",
        description="Version v2: what stands before the name `state` of the table: a schema, a part of the name, "
        "or both.",
        examples=["shop_", "public."],
        pattern=rf"^({_NAME}\.)?([A-Za-z_][\w$]*)?$",
    )
    metadata_table_name: Text = Field(
        "dapr_metadata",
        description="The table that says what version the tables are of, and when they were last cleaned up.",
        examples=["public.dapr_metadata"],
        pattern=_TABLE,
    )
    cleanup_interval: Interval = Field(
        3600.0,
        description="How often values that have expired are deleted; 0 or less: never. They are not given out in the "
        "meantime.",
        examples=["10m", "-1"],
    )
    cleanup_interval_in_seconds: Interval | None = Field(
        None, description="Another name of `cleanupInterval`.", examples=["600"]
    )

    @property
    def sweep_every(self) -> float:
        """Seconds; 0 or less: never."""
        return self.cleanup_interval if self.cleanup_interval_in_seconds is None else self.cleanup_interval_in_seconds


class PostgreSqlConfigurationMetadata(PostgreSqlMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-configuration-stores/postgresql-configuration-store/"""

    table: Text = Field(
        description="The table of the settings, with the columns key, value, version and metadata; it must be there.",
        examples=["configtable"],
        pattern=r"^[a-z0-9._]+$",
        max_length=64,
    )
    notify_channel: Text | None = Field(
        None,
        description="The channel to which the table's trigger sends its notifications; what is subscribed to needs it.",
        examples=["config"],
        pattern=r"^[a-z_][a-z0-9_]*$",
        max_length=63,
    )
    pg_notify_channel: Text | None = Field(
        None,
        description="Another name of `notifyChannel`.",
        examples=["config"],
        pattern=r"^[a-z_][a-z0-9_]*$",
        max_length=63,
    )
    conn_max_idle_time: Duration | None = Field(
        None, description="The old name of `connectionMaxIdleTime`.", examples=["5m"]
    )
