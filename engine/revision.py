"""The revision of a pipeline: a hash of all that decides how it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineApp, InlineBinding, Pipeline


def revision_of(pipeline: Located[Pipeline], definitions: Definitions) -> str:
    """Twelve hexadecimal digits; the same for the same definition, components, apps and schema files."""
    spec = pipeline.model.spec
    names = [spec.input.binding, *(output.binding for output in spec.outputs)]
    parts: list[Any] = [pipeline.document.value]
    parts += [definitions.components[name].document.value for name in names if not isinstance(name, InlineBinding)]
    apps = [step.call.app for step in spec.steps if step.call is not None]
    parts += [definitions.apps[app].document.value for app in apps if not isinstance(app, InlineApp)]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for path in schema_files(pipeline):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:12]


def schema_files(pipeline: Located[Pipeline]) -> Iterable[Path]:
    """The files that the `validate` steps name, relative to the pipeline's own file."""
    for step in pipeline.model.spec.steps:
        if isinstance(step.validate_, str):
            yield pipeline.document.path.parent / step.validate_
