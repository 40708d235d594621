"""The revision of a pipeline: a hash of all that decides how it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineApp, InlineBinding, Pipeline


def revision_of(pipeline: Located[Pipeline], definitions: Definitions) -> str:
    """Twelve hexadecimal digits; the same for the same definition, components, apps, secret stores and schema files."""
    spec = pipeline.model.spec
    where = [] if isinstance(spec.delivery.dead_letter, str) else [spec.delivery.dead_letter.binding]
    names = [spec.input.binding, *(output.binding for output in spec.outputs), *where]
    components = [definitions.components[name] for name in names if not isinstance(name, InlineBinding)]
    called = [step.call.app for step in spec.steps if step.call is not None]
    apps = [definitions.apps[app] for app in called if not isinstance(app, InlineApp)]
    auths = [*(component.model.auth for component in components), *(app.model.spec.auth for app in apps)]
    stores = [definitions.components[auth.secret_store] for auth in auths if auth is not None]
    parts = [pipeline.document.value, *(component.document.value for component in components)]
    parts += [*(app.document.value for app in apps), *(store.document.value for store in stores)]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for path in schema_files(pipeline):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:12]


def schema_files(pipeline: Located[Pipeline]) -> Iterable[Path]:
    """The files that the `validate` steps name, relative to the pipeline's own file."""
    for step in pipeline.model.spec.steps:
        if isinstance(step.validate_, str):
            yield pipeline.document.path.parent / step.validate_
