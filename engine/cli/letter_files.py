"""`jackfield dead-letters export` and `import`: dead letters as a file of JSON lines, and back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import DefinitionError

if TYPE_CHECKING:
    from bindings.store import DeadLetter, Store
    from engine.letter_choice import LetterChoice

_AT_ONCE = 500


async def export(choice: LetterChoice, file: str) -> int:
    """Gives how many; raises `DefinitionError` when the file exists or cannot be written."""
    from engine.letter_lines import line_of

    count = 0
    with _made(file) as out:
        async for page in choice.pages():
            out.writelines(f"{line_of(letter)}\n".encode() for letter in page)
            count += len(page)
    return count


async def load(store: Store, file: str) -> tuple[int, int]:
    """Adds those that are not there; gives how many it added, and how many were there.

    Raises `DefinitionError` for a line that is no dead letter; those before it are added then.
    """
    added, seen = 0, 0
    with opened(file) as lines:
        for batch in _batches(lines, file):
            seen += len(batch)
            new = {letter.id: letter for letter in batch if await store.dead_letter(letter.id) is None}
            await store.add_dead_letters(list(new.values()))
            added += len(new)
    return added, seen - added


@contextlib.contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file to read, or the standard input; raises `DefinitionError` when it cannot be read."""
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise DefinitionError(f"cannot read {file}: {error.strerror}") from error


@contextlib.contextmanager
def _made(file: str) -> Iterator[BinaryIO]:
    """Only a whole file gets the name; it is its owner's alone, because it holds the data of events."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path, part = Path(file), Path(f"{file}.part")
    if path.exists():
        raise DefinitionError(f"{file} exists already", hint="name a file that does not")
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            yield out
        part.rename(path)
    except OSError as error:
        raise DefinitionError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _batches(lines: BinaryIO, file: str) -> Iterator[list[DeadLetter]]:
    from engine.letter_lines import letter_of_line

    batch: list[DeadLetter] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            batch.append(letter_of_line(line.decode()))
        except (ValueError, RecursionError) as error:
            yield batch
            raise DefinitionError(
                f"{file}, line {number}: not a dead letter: {error}",
                hint="the lines before it are imported, and are left out when it is repeated",
            ) from error
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    yield batch
