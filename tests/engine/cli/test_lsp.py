from __future__ import annotations

import sys

import pytest

from engine.cli import EXIT_COULD_NOT_RUN, main


def test_lsp_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "engine.lsp.server", raising=False)
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)

    assert main(["lsp"]) == EXIT_COULD_NOT_RUN
    assert capsys.readouterr().err == (
        "jackfield: error: the language server needs the package 'pygls.lsp.server' (pip install 'jackfield[lsp]')\n"
    )
