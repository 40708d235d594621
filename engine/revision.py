"""The revision of a pipeline: a hash of all that decides how it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineApp, InlineBinding, Pipeline
from engine.definitions.schema_files import schema_path
from engine.definitions.source import Source
from engine.definitions.subscriptions import StreamedCall
from engine.resilience import Resilience


def revision_of(pipeline: Located[Pipeline], definitions: Definitions) -> str:
    """Twelve hexadecimal digits; the same for the same definition, components, apps, secret stores and schema files."""
    parts = [part.document.value for part in parts_of(pipeline, definitions)]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for source in schemas_of(pipeline, definitions):
        digest.update(source.text.encode())
    return digest.hexdigest()[:12]


def parts_of(pipeline: Located[Pipeline], definitions: Definitions) -> list[Located[Any]]:
    """The documents that a revision is made of: the pipeline, its components and apps, their secret stores, and the
    Resiliency documents where they say something for it.
    """
    spec = pipeline.model.spec
    where = [] if isinstance(spec.delivery.dead_letter, str) else [spec.delivery.dead_letter.component]
    names = [spec.input.component, *(output.component for output in spec.outputs), *where]
    components = [definitions.components[name] for name in names if not isinstance(name, InlineBinding)]
    calls = [step.call for step in spec.steps if step.call is not None]
    called = [call.app for call in calls if not isinstance(call, StreamedCall)]
    apps = [definitions.apps[app] for app in called if not isinstance(app, InlineApp)]
    auths = [*(component.model.auth for component in components), *(app.model.spec.auth for app in apps)]
    stores = {auth.secret_store: definitions.components[auth.secret_store] for auth in auths if auth is not None}
    for store in list(stores.values()):
        if store.model.auth is not None:  # the secrets that open it are in another one
            stores.setdefault(store.model.auth.secret_store, definitions.components[store.model.auth.secret_store])
    resilience = Resilience(definitions)
    policies = resilience.documents if resilience.concerns(pipeline) else []
    written = definitions.subscriptions.get(pipeline.model.metadata.name, pipeline)
    return [written, *components, *apps, *stores.values(), *policies]


def schemas_of(pipeline: Located[Pipeline], definitions: Definitions) -> Iterator[Source]:
    """The files that its `validate` steps name."""
    for step in pipeline.model.spec.steps:
        if isinstance(step.validate_, str):
            yield definitions.schemas[schema_path(pipeline.document, step.validate_)]
