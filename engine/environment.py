"""The environment variables that definitions may read: all but the engine's own."""

from __future__ import annotations


def belongs_to_engine(variable: str) -> bool:
    """Tokens and settings, which Dapr keeps back as well (dapr/dapr, pkg/runtime/processor/secret)."""
    return variable.upper() == "APP_API_TOKEN" or variable.upper().startswith("DAPR_")
