from __future__ import annotations

from pydantic import Field, model_validator

from bindings.metadata import Flag, Interval, PositiveDuration, StateMetadata, Text

_NAME = r"^\w+$"


class SqliteStateMetadata(StateMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-sqlite/"""

    connection_string: Text | None = Field(
        None,
        description="The path of the file, which is made when it is not there; or a URI with SQLite's own parameters, "
        "and `_pragma` for each of its settings; or `:memory:`, for a store that is gone when it is closed.",
        examples=["data/state.db", "file:/var/lib/shop/state.db?_pragma=cache_size(-20000)", ":memory:"],
        min_length=1,
    )
    url: Text | None = Field(
        None, description="Another name of `connectionString`.", examples=["data/state.db"], min_length=1
    )
    timeout: PositiveDuration = Field(
        20.0, description="The most time for one operation; at least 1s.", examples=["30s"], ge=1
    )
    timeout_in_seconds: PositiveDuration | None = Field(
        None, description="Another name of `timeout`.", examples=["30"], ge=1
    )
    busy_timeout: Interval = Field(
        2.0,
        description="How long a write waits while another process writes to the file; 0 or less: not at all.",
        examples=["2s", "800ms"],
    )
    disable_wal: Flag = Field(
        False,
        alias="disableWAL",
        description="Turns the write-ahead log off, as a file on a network needs it. With it readers and the writer do "
        "not wait for one another.",
        examples=["true"],
    )
    table_name: Text = Field(
        "state", description="The table of the values; made when it is not there.", examples=["state"], pattern=_NAME
    )
    metadata_table_name: Text = Field(
        "metadata",
        description="The table that says what version the table is of, and when it was last cleaned up.",
        examples=["metadata"],
        pattern=_NAME,
    )
    cleanup_interval: Interval = Field(
        0.0,
        description="How often values that have expired are deleted; 0 or less: never. They are not given out in the "
        "meantime.",
        examples=["1h", "-1"],
    )
    cleanup_interval_in_seconds: Interval | None = Field(
        None, description="Another name of `cleanupInterval`.", examples=["600"]
    )

    @property
    def location(self) -> str:
        return self.connection_string or self.url or ""

    @property
    def patience(self) -> float:
        """Seconds for one operation."""
        return self.timeout_in_seconds or self.timeout

    @property
    def sweep_every(self) -> float:
        """Seconds; 0 or less: never."""
        return self.cleanup_interval if self.cleanup_interval_in_seconds is None else self.cleanup_interval_in_seconds

    @model_validator(mode="after")
    def _says_where(self) -> SqliteStateMetadata:
        if not self.location:
            raise ValueError("set connectionString: the path of the file")
        return self
