"""The kinds of documents, and the head by which a document says what it is."""

from __future__ import annotations

from dataclasses import dataclass

from engine.definitions.app import App
from engine.definitions.component import Component
from engine.definitions.dapr import Configuration, HTTPEndpoint, Subscription
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.model import Model
from engine.definitions.pipeline import Pipeline
from engine.definitions.pipeline_test import PipelineTest
from engine.definitions.resiliency import Resiliency
from engine.suggest import close_match


@dataclass(frozen=True, slots=True)
class Kind:
    """`applied`: whether this version of the engine does what such a document says; `only`: the one field of its spec
    that is applied.
    """

    name: str
    model: type[Model]
    api_versions: tuple[str, ...]
    applied: bool = True
    only: str = ""


_DAPR = "dapr.io/v1alpha1"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("Pipeline", Pipeline, ("jackfield/v1",)),
        Kind("App", App, ("jackfield/v1",)),
        Kind("PipelineTest", PipelineTest, ("jackfield/v1",)),
        Kind("Component", Component, (_DAPR,)),
        Kind("Resiliency", Resiliency, (_DAPR,)),
        Kind("Configuration", Configuration, (_DAPR,), only="secrets"),
        Kind("HTTPEndpoint", HTTPEndpoint, (_DAPR,), applied=False),
        Kind("Subscription", Subscription, (_DAPR, "dapr.io/v2alpha1")),
    )
}


def kind_of(document: Document) -> tuple[Kind | None, list[Diagnostic]]:
    """What a document says that it is, and what is wrong with how it says so."""
    value = document.value
    if not isinstance(value, dict):
        hint = "write apiVersion, kind, metadata and spec; `jackfield init` makes an example"
        return None, [document.error("E201", "a definition is a mapping, and this is none", (), hint)]
    name = value.get("kind")
    if name is None:
        hint = f"the kinds are {', '.join(KINDS)}"
        return None, [document.error("E202", "the document does not say its `kind`", (), hint)]
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        hint = close_match(str(name), KINDS) or f"the kinds are {', '.join(KINDS)}"
        return None, [document.error("E202", f"there is no kind {name!r}", ("kind",), hint)]
    return kind, _check_version(document, kind)


def _check_version(document: Document, kind: Kind) -> list[Diagnostic]:
    version = document.value.get("apiVersion")
    if version in kind.api_versions:
        return []
    right = " or ".join(kind.api_versions)
    if version is None:
        message = f"the {kind.name} does not say its `apiVersion`"
        return [document.error("E203", message, ("kind",), f"write `apiVersion: {right}`")]
    message = f"{kind.name} has no apiVersion {version!r}"
    return [document.error("E203", message, ("apiVersion",), f"write {right}")]
