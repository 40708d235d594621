"""What Dapr's components for Redis have in common: where the server is, and how it is talked to.

Source: dapr/components-contrib, common/component/redis/settings.go and redis.go.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, WithJsonSchema, model_validator

from bindings.metadata import Flag, Metadata, Secret, Text, Whole, parse_duration

_DEFAULT_PORT = 6379
_NOT_APPLIED = "Read, and not applied: "


def parse_milliseconds(value: Any) -> float:
    """Seconds; a bare number is in milliseconds, as Dapr's Redis components take it, and -1 stands for "none"."""
    text = str(value).strip()
    if isinstance(value, bool) or text.startswith("-"):
        if text == "-1":
            return -1.0
        raise ValueError(f"{value!r} is not a duration; write it like 200ms, 10s or 1m30s, or -1 for none")
    try:
        return float(text) / 1000
    except ValueError:
        return parse_duration(text)


Milliseconds = Annotated[
    float,
    BeforeValidator(parse_milliseconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$|^\d+$|^-1$"},
                {"type": "integer", "minimum": -1},
            ],
            "x-format": "duration",
        }
    ),
]


class RedisSettings(Metadata):
    """https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-redis/ and its siblings."""

    redis_host: Text = Field(
        description="The server as `host:port`; of a cluster, or of sentinels, several with commas between.",
        examples=["localhost:6379", "redis-0:6379,redis-1:6379"],
        min_length=1,
    )
    redis_port: Whole | None = Field(
        None, ge=0, le=65535, description="The port, where `redisHost` names none. Default: 6379.", examples=["6379"]
    )
    redis_username: Text | None = Field(
        None, description="The user of an access control list; Redis 6 and newer.", examples=["jackfield"]
    )
    redis_password: Secret | None = Field(None, description="The password.", examples=["s3cret"])
    sentinel_username: Text | None = Field(
        None, description="The user at the sentinels, where they want one.", examples=["watcher"]
    )
    sentinel_password: Secret | None = Field(
        None, description="The password at the sentinels, where they want one.", examples=["s3cret"]
    )
    redis_db: Whole = Field(
        0, ge=0, alias="redisDB", description="The number of the database; a cluster has only 0.", examples=["0"]
    )
    redis_type: Literal["node", "cluster"] = Field(
        "node", description="Whether it is one server, or a Redis Cluster.", examples=["cluster"]
    )
    failover: Flag = Field(
        False,
        description="Whether `redisHost` names sentinels, which know the master `sentinelMasterName`.",
        examples=["true"],
    )
    sentinel_master_name: Text | None = Field(
        None, description="The name of the master at the sentinels.", examples=["mymaster"]
    )
    enable_tls: Flag = Field(False, alias="enableTLS", description="Whether the connection is TLS.", examples=["true"])
    insecure_skip_tls_verify: Flag = Field(
        False,
        alias="insecureSkipTLSVerify",
        description="Whether the server's certificate is not checked. Only for tests.",
        examples=["true"],
    )
    ca_cert: Text | None = Field(
        None,
        description="The certificates to trust beside the system's, in PEM. Jackfield's own; Dapr has none.",
        examples=["-----BEGIN CERTIFICATE-----\n..."],
    )
    client_cert: Text | None = Field(
        None, description="The client certificate, in PEM.", examples=["-----BEGIN CERTIFICATE-----\n..."]
    )
    client_key: Secret | None = Field(
        None, description="The key of the client certificate, in PEM.", examples=["-----BEGIN PRIVATE KEY-----\n..."]
    )
    redis_max_retries: Whole = Field(
        3,
        ge=-1,
        description="How often a command is tried again at once after its connection broke; -1: never, 0: 3 times. "
        "After that the engine waits and tries again.",
        examples=["5", "-1"],
    )
    redis_min_retry_interval: Milliseconds = Field(
        0.008,
        description="The shortest wait before a command is tried again; -1: none. A number is in milliseconds.",
        examples=["8ms"],
    )
    redis_max_retry_interval: Milliseconds = Field(
        0.512,
        description="The longest wait before a command is tried again; -1: none. A number is in milliseconds.",
        examples=["512ms"],
    )
    dial_timeout: Milliseconds = Field(
        5.0, description="How long a connection may take to be made. A number is in milliseconds.", examples=["5s"]
    )
    read_timeout: Milliseconds = Field(
        3.0,
        description="How long an answer may take; -1: for ever. A number is in milliseconds.",
        examples=["3s", "3000"],
    )
    write_timeout: Milliseconds | None = Field(
        None, description=_NOT_APPLIED + "`readTimeout` is for the whole of a command.", examples=["3s"]
    )
    pool_size: Whole | None = Field(
        None,
        ge=0,
        description="How many connections there are at most. Default: 10 for each CPU.",
        examples=["20"],
    )
    pool_timeout: Milliseconds | None = Field(
        None,
        description="How long a command waits for a connection when all are busy. Default: `readTimeout` and 1s.",
        examples=["4s"],
    )
    min_idle_conns: Whole = Field(
        0, ge=0, description=_NOT_APPLIED + "connections are made when they are needed.", examples=["2"]
    )
    max_conn_age: Milliseconds | None = Field(
        None, description=_NOT_APPLIED + "connections are kept.", examples=["30m"]
    )
    idle_timeout: Milliseconds = Field(
        300.0,
        description=_NOT_APPLIED + "a connection that the server has closed is made again on its next use.",
        examples=["5m", "-1"],
    )
    idle_check_frequency: Milliseconds = Field(
        60.0, description=_NOT_APPLIED + "see `idleTimeout`.", examples=["1m", "-1"]
    )
    use_entra_id: Flag = Field(
        False,
        alias="useEntraID",
        validation_alias=AliasChoices("useEntraID", "useAzureAD"),
        description="Login by Microsoft Entra ID. Refused when true: use `redisUsername` and `redisPassword`.",
        examples=["false"],
    )
    use_oidc: Flag = Field(
        False,
        alias="useOIDC",
        description="Login by an OIDC access token. Refused when true: use `redisUsername` and `redisPassword`.",
        examples=["false"],
    )

    @model_validator(mode="after")
    def _can_be_done(self) -> RedisSettings:
        if self.use_entra_id or self.use_oidc:
            raise ValueError("login by Entra ID or OIDC is not there: use redisUsername and redisPassword")
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("clientCert and clientKey belong together: set both or none")
        if self.failover and self.sentinel_master_name is None:
            raise ValueError("failover needs sentinelMasterName")
        if self.failover and self.redis_type == "cluster":
            raise ValueError("failover and redisType cluster exclude one another: a cluster fails over by itself")
        return self

    @model_validator(mode="after")
    def _addresses_can_be_read(self) -> RedisSettings:
        if not self.addresses:
            raise ValueError("redisHost names no server")
        return self

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Each host with its port; raises `ValueError`."""
        return [self._address(text.strip()) for text in self.redis_host.split(",") if text.strip()]

    def _address(self, text: str) -> tuple[str, int]:
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]"):
            return text.strip("[]"), self.redis_port or _DEFAULT_PORT
        if not port.isdigit() or not host:
            raise ValueError(f"redisHost {text!r} is no host:port")
        if self.redis_port and int(port) != self.redis_port:
            raise ValueError(f"redisHost {text!r} has a port already, and redisPort is another: leave one out")
        return host.strip("[]"), int(port)

    @property
    def shown(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self.addresses)
