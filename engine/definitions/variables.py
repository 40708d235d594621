"""The environment variables that a pipeline lists for its expressions."""

from __future__ import annotations

import os
from collections.abc import Iterator

from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic


def check_environment(pipeline: Definition) -> Iterator[Diagnostic]:
    """That each is set."""
    listed = pipeline.spec.get("env")
    for index, name in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(name, str) and name.isidentifier() and name not in os.environ:
            message = f"the environment variable {name} is not set, and will be an empty text"
            yield pipeline.document.warning("W401", message, ("spec", "env", index), f"export {name}=…")
