"""Definitions that the engine writes itself, as the text of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """All texts in quotes: PyYAML leaves them out where YAML 1.1 has no number, and our reader knows more numbers."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def written(documents: Iterable[Mapping[str, Any]]) -> str:
    """Raises `RecursionError` for what is nested too deep."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
