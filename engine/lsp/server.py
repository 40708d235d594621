"""The server: what an editor tells of its files, and what it is told (Language Server Protocol 3.17, by pygls)."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from engine.definitions.diagnostic import Diagnostic, Severity, Span
from engine.definitions.folder import SUFFIXES
from engine.errors import DefinitionError
from engine.lsp.completion import Sort, complete
from engine.lsp.hover import definition, explain
from engine.lsp.positions import Positions, lines_of
from engine.lsp.project import Project
from engine.version import VERSION

_log = logging.getLogger("jackfield.lsp")
_OURS = re.compile(r"^apiVersion: *[\"']?(jackfield/|dapr\.io/)", re.MULTILINE)
_IDLE = 1.0  # seconds without a keystroke
_WATCHED = "**/*.{yaml,yml,json}"
_KINDS = {
    Sort.FIELD: types.CompletionItemKind.Field,
    Sort.VALUE: types.CompletionItemKind.EnumMember,
    Sort.NAME: types.CompletionItemKind.Reference,
    Sort.TYPE: types.CompletionItemKind.Class,
}


class Server(LanguageServer):
    """`folder`: the definitions folder, from the editor's workspace; `secrets`: whether secrets are looked up."""

    def __init__(self, folder: str, secrets: bool) -> None:
        super().__init__("jackfield", VERSION)
        self._folder = folder
        self._secrets = secrets
        self._projects: dict[Path, Project] = {}
        self._opened: dict[Path, str] = {}  # the editor's own URI of each file that it has open
        self._published: dict[str, Sequence[types.Diagnostic]] = {}
        self._due: list[Project] = []
        self._checking: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        gc.disable()  # to look for garbage takes longer than all the rest of a keystroke: it is done in a pause
        self._listen()

    def _listen(self) -> None:
        self._on(types.INITIALIZED, self._initialized)
        self._on(types.TEXT_DOCUMENT_DID_OPEN, self._did_open)
        self._on(types.TEXT_DOCUMENT_DID_CHANGE, self._did_change)
        self._on(types.TEXT_DOCUMENT_DID_SAVE, self._did_save)
        self._on(types.TEXT_DOCUMENT_DID_CLOSE, self._did_close)
        self._on(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, self._did_change_files)
        options = types.CompletionOptions(trigger_characters=[":", " ", "-", "{"])
        self._on(types.TEXT_DOCUMENT_COMPLETION, self._complete, options)
        self._on(types.TEXT_DOCUMENT_HOVER, self._hover)
        self._on(types.TEXT_DOCUMENT_DEFINITION, self._define)

    def _on(self, name: str, method: Callable[[Any], object], options: Any = None) -> None:
        # The library writes its marks on what it calls, and a bound method cannot bear them.
        self.feature(name, options)(lambda params: method(params))

    # What the editor tells

    def _initialized(self, _: types.InitializedParams) -> None:
        workspace = self.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is None or not watching.dynamic_registration:
            return
        watchers = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(_WATCHED)])
        registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, watchers)
        self.client_register_capability(types.RegistrationParams([registration]))

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        project = self._project_of(params.text_document.uri)
        if project is not None:
            path = _path(params.text_document.uri)
            self._opened[path] = params.text_document.uri
            project.edit(path, params.text_document.text)
            self._reload(project)

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        project = self._project_of(uri)
        if project is not None:
            self._opened[_path(uri)] = uri
            project.edit(_path(uri), self.workspace.get_text_document(uri).source)
            self._check(project)

    def _did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        project = self._project_of(params.text_document.uri)
        if project is not None:
            self._reload(project)

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        path = _path(params.text_document.uri)
        project = self._project_of(params.text_document.uri)
        self._opened.pop(path, None)
        if project is not None:
            project.close(path)
            self._check(project)

    def _did_change_files(self, _: types.DidChangeWatchedFilesParams) -> None:
        for project in self._projects.values():
            self._reload(project)

    # What the editor is told

    def _complete(self, params: types.CompletionParams) -> types.CompletionList:
        uri, line = params.text_document.uri, params.position.line
        project = self._project_of(uri)
        if project is None:
            return types.CompletionList(False, [])
        text = self.workspace.get_text_document(uri).source
        cursor, proposals = complete(project, text, line, self._column(text, params.position))
        start = self._units((lines_of(text)[line] if line < len(lines_of(text)) else "")[: cursor.start])
        place = types.Range(types.Position(line, start), params.position)
        return types.CompletionList(
            is_incomplete=False,
            items=[
                types.CompletionItem(
                    label=one.label,
                    kind=_KINDS[one.sort],
                    detail=one.detail or None,
                    documentation=one.about or None,
                    sort_text=f"{number:04}",
                    filter_text=one.label,
                    text_edit=types.TextEdit(place, one.text),
                )
                for number, one in enumerate(proposals)
            ],
        )

    def _hover(self, params: types.HoverParams) -> types.Hover | None:
        project = self._project_of(params.text_document.uri)
        if project is None:
            return None
        text = self.workspace.get_text_document(params.text_document.uri).source
        said = explain(project, text, params.position.line, self._column(text, params.position))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, said)) if said else None

    def _define(self, params: types.DefinitionParams) -> types.Location | None:
        project = self._project_of(params.text_document.uri)
        if project is None:
            return None
        text = self.workspace.get_text_document(params.text_document.uri).source
        named = definition(project, text, params.position.line, self._column(text, params.position))
        if named is None:
            return None
        positions = Positions(project.text_of(named.path), self._units)
        return types.Location(self._uri(named.path), _range(positions, named.span))

    # Diagnostics

    def _reload(self, project: Project) -> None:
        try:
            project.reload()
        except DefinitionError as error:
            _log.warning("%s", error)
        self._check(project)

    def _check(self, project: Project) -> None:
        """Soon: what else has come by then from the editor is done before."""
        if project not in self._due:
            self._due.append(project)
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(self._publish_due())

    async def _publish_due(self) -> None:
        while self._due:
            await asyncio.sleep(0)
            await self._publish(self._due.pop(0))
        if self._resting is not None:
            self._resting.cancel()
        self._resting = asyncio.get_running_loop().call_later(_IDLE, gc.collect)

    async def _publish(self, project: Project) -> None:
        found = await project.check()
        fresh = {self._uri(path): list(self._diagnostics(project, path, some)) for path, some in found.items()}
        opened = set(self._opened.values())
        for uri in fresh.keys() | self._published.keys() | opened:
            if not _path(uri).is_relative_to(project.root):
                continue
            diagnostics = fresh.get(uri, [])
            if uri in opened or diagnostics != self._published.get(uri):
                self._published[uri] = diagnostics
                version = self.workspace.get_text_document(uri).version if uri in opened else None
                self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, version))

    def _diagnostics(self, project: Project, path: Path, found: Sequence[Diagnostic]) -> Iterator[types.Diagnostic]:
        positions = Positions(project.text_of(path), self._units)
        for one in found:
            yield types.Diagnostic(
                range=_range(positions, one.span),
                message=f"{one.message}\n{one.hint}" if one.hint else one.message,
                severity=_severity(one),
                code=one.code,
                source="jackfield",
                related_information=[self._related(project, one.related, one.related_message)] if one.related else None,
            )

    def _related(self, project: Project, span: Span, message: str) -> types.DiagnosticRelatedInformation:
        path = project.path_of(span)
        place = _range(Positions(project.text_of(path), self._units), span)
        return types.DiagnosticRelatedInformation(types.Location(self._uri(path), place), message)

    # Files and places

    def _project_of(self, uri: str) -> Project | None:
        """That of the definitions folder, or of the folder of a file elsewhere that says that it is one of ours."""
        path = _path(uri)
        folders = [_path(folder.uri) for folder in self.workspace.folders.values()]
        root = (_path(self.workspace.root_uri) if self.workspace.root_uri else [*folders, Path.cwd()][0]) / self._folder
        if not path.is_relative_to(root):
            if path.parent not in self._projects and not _OURS.search(self.workspace.get_text_document(uri).source):
                return None
            root = path.parent
        if path.suffix not in SUFFIXES:
            return None
        if root not in self._projects:
            self._projects[root] = Project(root, self._secrets)
        return self._projects[root]

    def _uri(self, path: Path) -> str:
        return self._opened.get(path) or from_fs_path(str(path)) or path.as_uri()

    def _units(self, text: str) -> int:
        return len(text) if text.isascii() else int(self.workspace.position_codec.client_num_units(text))

    def _column(self, text: str, position: types.Position) -> int:
        """In characters."""
        lines = lines_of(text)
        line = lines[position.line] if position.line < len(lines) else ""
        place = types.Position(0, position.character)
        return self.workspace.position_codec.position_from_client_units([line], place).character


def _path(uri: str) -> Path:
    return Path(to_fs_path(uri) or uri)


def _range(positions: Positions, span: Span) -> types.Range:
    start, end = positions.of(span.line, span.column), positions.of(span.end_line, span.end_column)
    return types.Range(types.Position(*start), types.Position(*max(start, end)))


def _severity(diagnostic: Diagnostic) -> types.DiagnosticSeverity:
    is_error = diagnostic.severity is Severity.ERROR
    return types.DiagnosticSeverity.Error if is_error else types.DiagnosticSeverity.Warning
