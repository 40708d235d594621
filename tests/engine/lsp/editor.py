"""An editor for tests: a real client, which starts `jackfield lsp` and speaks with it over its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parents[3]


class Editor:
    def __init__(self, root: Path, client: LanguageClient) -> None:
        self.root = root
        self.client = client
        self.told: dict[str, list[types.Diagnostic]] = {}  # by file, the last diagnostics
        self._versions: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._news = asyncio.Condition()

        async def hear(params: types.PublishDiagnosticsParams) -> None:
            name = Path(params.uri).name
            async with self._news:
                self.told[name] = list(params.diagnostics)
                self._seen[name] = params.version or 0
                self._news.notify_all()

        client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(hear)

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self._versions[name] = 1
        item = types.TextDocumentItem(self.uri(name), "yaml", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def replace(self, name: str, text: str, place: types.Range | None = None) -> None:
        """The text of a place, or all of it, is now this one."""
        self._versions[name] += 1
        change: types.TextDocumentContentChangeEvent = (
            types.TextDocumentContentChangeWholeDocument(text)
            if place is None
            else types.TextDocumentContentChangePartial(place, text)
        )
        document = types.VersionedTextDocumentIdentifier(self._versions[name], self.uri(name))
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def checked(self, name: str) -> list[types.Diagnostic]:
        """What is said of the text as it is now."""
        short = Path(name).name
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self._seen.get(short, 0) >= self._versions[name])
        return self.told[short]

    async def until_told(self, name: str, *codes: str) -> list[types.Diagnostic]:
        """Until these are the codes of the diagnostics of a file."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: [one.code for one in self.told.get(name, [])] == list(codes))
        return self.told[name]

    def at(self, name: str, line: int, character: int) -> tuple[types.TextDocumentIdentifier, types.Position]:
        return types.TextDocumentIdentifier(self.uri(name)), types.Position(line, character)

    async def completions(self, name: str, line: int, character: int) -> dict[str, types.CompletionItem]:
        found = await self.client.text_document_completion_async(
            types.CompletionParams(*self.at(name, line, character))
        )
        assert isinstance(found, types.CompletionList)
        return {item.label: item for item in found.items}

    async def hover(self, name: str, line: int, character: int) -> str:
        found = await self.client.text_document_hover_async(types.HoverParams(*self.at(name, line, character)))
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    async def definition(self, name: str, line: int, character: int) -> tuple[str, types.Range] | None:
        found = await self.client.text_document_definition_async(
            types.DefinitionParams(*self.at(name, line, character))
        )
        if found is None:
            return None
        assert isinstance(found, types.Location)
        return Path(found.uri).name, found.range


@contextlib.asynccontextmanager
async def editor(root: Path, *arguments: str) -> AsyncIterator[Editor]:
    """The workspace is `root`; the server is told to exit, and has to."""
    client = LanguageClient("tests", "1")
    editing = Editor(root, client)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "engine.cli", "lsp", *arguments]
    await client.start_io(*command, env=environment, cwd=root)
    try:
        capabilities = types.ClientCapabilities()
        await client.initialize_async(types.InitializeParams(capabilities, root_uri=root.as_uri()))
        client.initialized(types.InitializedParams())
        yield editing
        await client.shutdown_async(None)
    finally:
        client.exit(None)
        await client.stop()  # type: ignore[no-untyped-call]
