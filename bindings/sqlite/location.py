"""Where a component's SQLite file is, by Dapr's connection string (components-contrib, common/authentication/sqlite).

Dapr's driver has parameters of its own in the URI (https://pkg.go.dev/modernc.org/sqlite#Driver.Open): `_pragma`, which
is applied here, and others that begin with `_`, which are of no use here.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

from bindings.sqlite.connection import create_file
from bindings.sqlite.failure import opening_failure
from bindings.sqlite.metadata import SqliteStateMetadata
from engine.errors import DefinitionError

_PRAGMA = re.compile(r"(\w+)(\(-?[\w.]+\)|\s*=\s*-?[\w.]+)?")
_SET_BY = {
    "busy_timeout": "set `busyTimeout` instead",
    "journal_mode": "set `disableWAL` instead",
    "foreign_keys": "the table has none",
}


@dataclass(frozen=True, slots=True)
class Location:
    path: Path
    uri: str
    in_memory: bool
    read_only: bool
    pragmas: tuple[str, ...]

    @classmethod
    def of(cls, metadata: SqliteStateMetadata) -> Location:
        """Raises `DefinitionError` for a setting that is not allowed in it."""
        text, _, query = metadata.location.partition("?")
        file = text[5:] if text[:5].lower() == "file:" else text
        parameters = parse_qsl(query, keep_blank_values=True)
        in_memory = file.lower() == ":memory:" or ("mode", "memory") in parameters
        wanted = [value for name, value in parameters if name == "_pragma"]
        for pragma in wanted:
            match = _PRAGMA.fullmatch(pragma.strip())
            if match is None or match[1].lower() in _SET_BY:
                hint = _SET_BY[match[1].lower()] if match else "write it like _pragma=cache_size(-20000)"
                raise DefinitionError(f"connectionString cannot have `_pragma={pragma}`", hint=hint)
        journal = "MEMORY" if in_memory else "DELETE" if metadata.disable_wal else "WAL"
        own = [(name, value) for name, value in parameters if not name.startswith("_")]
        read_only = bool({("mode", "ro"), ("immutable", "1")} & set(own))
        return cls(
            path=Path(re.sub(r"^//(localhost)?(?=/)", "", unquote(file))),
            uri=f"file:{file}" + (f"?{urlencode(own)}" if own else ""),
            in_memory=in_memory,
            read_only=read_only,
            pragmas=(*wanted, *(() if read_only else (f"journal_mode({journal})",))),
        )

    def connect(self, busy_timeout: float) -> sqlite3.Connection:
        """Transactions are begun by hand. Raises `DefinitionError` or `NotReady`."""
        if not self.in_memory and not self.read_only:
            create_file(self.path)
        try:
            connection = sqlite3.connect(self.uri, uri=True, timeout=max(busy_timeout, 0), isolation_level=None)
        except sqlite3.Error as error:
            raise opening_failure(error, self.path) from error
        try:
            for pragma in self.pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            connection.close()
            raise opening_failure(error, self.path) from error
        return connection
