"""`jackfield init`: a new project that runs at once, with nothing else installed."""

from __future__ import annotations

import argparse
import shlex
from importlib import resources
from pathlib import Path

from engine.errors import DefinitionError

EXAMPLE = "jackfield init my-project"

# Where each file goes, and the one in engine/cli/project/ that it is a copy of.
_FILES = {
    "pipelines/hello.yaml": "pipelines/hello.yaml",
    "pipelines/tests/hello.test.yaml": "pipelines/tests/hello.test.yaml",
    "app.py": "app.py",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}

_NEXT = """\
{folder} has a pipeline, and an app that it calls. Run them:

  {cd}jackfield test pipelines/   # its tests, with no app and no waiting
  {cd}python app.py               # in one terminal: the app
  {cd}jackfield run pipelines/    # in another: the engine
  {cd}ls data/                    # a new file every five seconds

Then read pipelines/hello.yaml, and change it while it runs.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder of the project; made when it is missing")


def run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.dir
    contents = {folder / name: _template(source) for name, source in _FILES.items()}
    present = [str(path) for path in contents if path.exists()]
    if present:
        raise DefinitionError(f"there is already {', '.join(present)}", hint="nothing was written; name another folder")
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise DefinitionError(f"{error.filename} cannot be written: {error.strerror}") from error
    cd = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    print(_NEXT.format(folder=folder, cd=cd), end="")
    return 0


def _template(name: str) -> bytes:
    return resources.files("engine.cli.project").joinpath(name).read_bytes()
