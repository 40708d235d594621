"""The metadata of one binding or store, as its document writes it: each field, its place, and where its value is."""

from __future__ import annotations

import functools
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from pydantic import SecretStr

from bindings.metadata import Metadata
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document, Step
from engine.definitions.model import SecretKeyRef

Path: TypeAlias = tuple[Step, ...]

_PLACEHOLDER = re.compile(r"\{(uuid|appID|namespace|podName)\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One field. Its value is `value`, unless one of the two references says where to find it."""

    name: str
    path: Path  # of what is to be corrected when the value is wrong
    name_path: Path
    value: Any = None
    secret: SecretKeyRef | None = None
    env: str | None = None

    @property
    def is_given(self) -> bool:
        """An entry that is left empty is none: it stands for the field's default."""
        return self.value is not None or self.is_reference

    @property
    def is_reference(self) -> bool:
        return self.secret is not None or self.env is not None


def entries_of_list(document: Document, path: Path, model: type[Metadata]) -> Iterator[Entry]:
    """The entries of a Dapr `metadata` list, as far as it has the shape of one."""
    names = canonical_names(model)
    items = document.get(path)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            continue
        place, written = (*path, index), str(item["name"])
        name = names.get(written.lower(), written)
        secret, env = _secret(item.get("secretKeyRef")), item.get("envRef")
        if secret is not None:
            yield Entry(name, (*place, "secretKeyRef"), (*place, "name"), secret=secret)
        elif isinstance(env, str):
            yield Entry(name, (*place, "envRef"), (*place, "name"), env=env)
        else:
            yield Entry(name, (*place, "value"), (*place, "name"), item.get("value"))


def entries_of_mapping(document: Document, path: Path, model: type[Metadata]) -> Iterator[Entry]:
    """The entries of the `metadata` of a binding that is written in place."""
    names = canonical_names(model)
    fields: Any = document.get(path)
    for written, value in fields.items() if isinstance(fields, dict) else ():
        yield Entry(names.get(written.lower(), str(written)), (*path, written), (*path, written), value)


def canonical_names(model: type[Metadata]) -> dict[str, str]:
    """The fields' names by their lower-case form: Dapr does not mind the case of metadata names."""
    aliases = [field.alias or name for name, field in model.model_fields.items()]
    return {alias.lower(): alias for alias in aliases}


@functools.cache
def secret_names(model: type[Metadata]) -> frozenset[str]:
    """The fields that hold secrets, and are never shown."""
    return frozenset(field.alias or name for name, field in model.model_fields.items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def repeated(document: Document, entries: Sequence[Entry]) -> Iterator[Diagnostic]:
    """An error for each entry whose field an entry before it has given."""
    first: dict[str, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.name, entry)
        if earlier is not entry:
            yield document.error(
                "E204",
                f"the metadata field {entry.name!r} is here a second time",
                entry.name_path,
                "keep one of the two; upper and lower case do not matter",
                key=entry.name_path == entry.path,
                related=document.span(earlier.name_path, key=entry.name_path == entry.path),
                related_message="the first is here",
            )


def expand(value: Any) -> Any:
    """Dapr's placeholders in a value (dapr/dapr, pkg/runtime/meta): `{uuid}`, `{appID}`, `{namespace}`, `{podName}`.

    Raises `ValueError` for `{podName}` where the environment has no POD_NAME.
    """
    return _PLACEHOLDER.sub(_placeholder, value) if isinstance(value, str) and "{" in value else value


def _placeholder(match: re.Match[str]) -> str:
    if match[1] == "uuid":
        return str(uuid.uuid4())
    app_id = os.environ.get("APP_ID", "jackfield")
    if match[1] == "appID":
        return app_id
    if match[1] == "namespace":
        return f"{os.environ.get('NAMESPACE', 'default')}.{app_id}"
    if "POD_NAME" not in os.environ:
        raise ValueError("`{podName}` is in it, and the environment variable POD_NAME is not set")
    return os.environ["POD_NAME"]


def _secret(reference: Any) -> SecretKeyRef | None:
    if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
        return None
    key = reference.get("key", "")
    return SecretKeyRef(name=reference["name"], key=key if isinstance(key, str) else "")
