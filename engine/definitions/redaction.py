"""Definitions as they may be shown: a secret that stands in the clear is in its file, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from engine.definitions import metadata, yaml
from engine.definitions.bindings import Binding, component_binding, inline_binding
from engine.definitions.definition import Definition, understand
from engine.definitions.source import Source
from engine.definitions.uses import component_uses

HIDDEN = "***"
_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")  # in a URL


def redacted(text: str) -> str:
    """The text of a definitions file with `***` for each secret in it."""
    documents, _ = yaml.parse(Source(Path(), "", text))
    found = {document.offsets(path) for document in documents for path in _secrets(understand(document))}
    for start, end in sorted(found, reverse=True):
        break_ = "\n" if text[start:end].endswith("\n") else ""
        text = f"{text[:start]}{HIDDEN}{break_}{text[end:]}"
    return without_passwords(text)


def without_passwords(text: str) -> str:
    """The text without the passwords of the URLs in it."""
    return _PASSWORD.sub(rf"\1{HIDDEN}@", text)


def _secrets(definition: Definition) -> Iterator[metadata.Path]:
    if definition.kind == "Component":
        binding = component_binding(definition)
        if isinstance(binding, Binding):
            yield from binding.clear_secrets()
        elif definition.document.get(
            ("spec", "metadata")
        ):  # nothing tells what of a type that is not installed is a secret
            yield ("spec", "metadata")
    for use in component_uses(definition) if definition.kind == "Pipeline" else ():
        in_place = inline_binding(definition.document, use.path) if not isinstance(use.binding, str) else None
        if isinstance(in_place, Binding):
            yield from in_place.clear_secrets()
