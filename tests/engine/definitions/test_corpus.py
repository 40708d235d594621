"""The bar of the check: a corpus of definitions with one known mistake each, and of definitions that are right."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from random import Random

import pytest

from engine.definitions.check import Report, check
from engine.definitions.codes import CODES
from engine.definitions.folder import File, Folder

ROOT = Path(__file__).parents[3]
CORPUS = Path(__file__).parent / "corpus"
FAULTY = sorted((CORPUS / "faulty").glob("*.yaml"))
CORRECT = sorted((CORPUS / "correct").glob("*.yaml"))
EXPECTED = re.compile(r"^# expect: ([EW]\d{3}) (\d+):(\d+)$", re.MULTILINE)
MUTATIONS = 5000
WORD = re.compile(r"[\w.]+")
RETYPED = (
    "5",
    "true",
    "null",
    "[]",
    "{}",
    "''",
    "'a text'",
    "{a: [1, {b: c}]}",
    "{{ data.x }}",
    "-1",
    "1e9",
    "&a x",
    "*a",
)


async def report_of(path: Path) -> Report:
    return await check(Folder(path.parent, {path: File.load(path)}))


def expected_of(path: Path) -> list[tuple[str, int, int]]:
    return [(code, int(line), int(column)) for code, line, column in EXPECTED.findall(path.read_text())]


def test_corpus_is_large_enough() -> None:
    assert len(FAULTY) >= 80
    assert len(CORRECT) >= 40


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
async def test_faulty_definition_is_found_where_it_is_and_nothing_else(path: Path) -> None:
    expected = expected_of(path)

    report = await report_of(path)

    assert expected
    assert [(d.code, d.span.line, d.span.column) for d in report.diagnostics] == expected


@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
async def test_correct_definition_has_no_alarm(path: Path) -> None:
    report = await report_of(path)

    assert [diagnostic.as_text() for diagnostic in report.diagnostics] == []


@pytest.mark.parametrize("folder", ["pipelines", "engine/cli/project/pipelines"])
async def test_definitions_of_this_repository_have_no_alarm(folder: str) -> None:
    report = await check(Folder.load(ROOT / folder))

    assert [diagnostic.as_text() for diagnostic in report.diagnostics] == []


async def test_broken_definitions_never_break_the_check(tmp_path: Path) -> None:
    """Every file of the corpus of right ones is broken at random, always in the same ways."""
    random = Random(4)
    texts = [path.read_text() for path in CORRECT]
    shutil.copytree(CORPUS / "correct" / "schemas", tmp_path / "schemas")
    path = tmp_path / "f.yaml"
    slowest = 0.0
    for number in range(MUTATIONS):
        text = broken(texts[number % len(texts)], random)
        path.write_text(text)
        started = time.process_time()

        report = await report_of(path)

        slowest = max(slowest, time.process_time() - started)
        lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
        for diagnostic in report.diagnostics:
            span = diagnostic.span
            assert diagnostic.code in CODES
            assert span.file == str(path), diagnostic
            assert 1 <= span.line <= len(lines), (text, diagnostic)
            assert 1 <= span.column <= len(lines[span.line - 1]) + 1, (text, diagnostic)
            assert diagnostic.as_text()
    assert slowest < 1


def broken(text: str, random: Random) -> str:
    """The text with one to three changes: deleted, renamed, retyped, indented otherwise, cut off, exchanged."""
    for _ in range(random.randint(1, 3)):
        text = random.choice((delete, rename, retype, indent, truncate, exchange))(text, random)
    return text


def delete(text: str, random: Random) -> str:
    start = random.randrange(len(text) or 1)
    return text[:start] + text[start + random.randint(1, 12) :]


def rename(text: str, random: Random) -> str:
    words = list(WORD.finditer(text))
    if not words:
        return text
    word = random.choice(words)
    letters = list(word[0])
    letters[random.randrange(len(letters))] = random.choice("aeXz.0_-é")
    return text[: word.start()] + "".join(letters) + text[word.end() :]


def retype(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    key, colon, _ = lines[at].partition(": ")
    lines[at] = f"{key}: {random.choice(RETYPED)}" if colon else lines[at]
    return "\n".join(lines)


def indent(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    lines[at] = random.choice((" ", "  ", "\t", "- ")) + lines[at] if random.random() < 0.5 else lines[at][2:]
    return "\n".join(lines)


def truncate(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) or 1)]


def exchange(text: str, random: Random) -> str:
    words = list(WORD.finditer(text))
    if not words:
        return text
    word, other = random.choice(words), random.choice(words)
    return text[: word.start()] + other[0] + text[word.end() :]
