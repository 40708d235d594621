from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.definitions.folder import File, Folder
from engine.errors import DefinitionError
from tests.engine.definitions.folders import app, component, documents, pipeline, short, write


def names(folder: Folder) -> list[str]:
    return [definition.name for definition in folder.definitions]


def test_load_reads_nested_yaml_files_in_order(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "b.yaml": pipeline(name="b"),
            "a.yml": documents(pipeline(name="a1"), app(name="a2")),
            "c/d/e.yaml": component(name="e"),
            "c.yaml": app(name="c"),
            "README.md": "# no definition",
            ".hidden.yaml": ":",
            ".git/x.yaml": ":",
        },
    )

    folder = Folder.load(root)

    assert [path.relative_to(root).as_posix() for path in folder.files] == ["a.yml", "b.yaml", "c/d/e.yaml", "c.yaml"]
    assert names(folder) == ["a1", "a2", "b", "e", "c"]
    assert [definition.kind for definition in folder.definitions][:2] == ["Pipeline", "App"]


@pytest.mark.parametrize(("name", "problem"), [("nowhere", "does not exist"), ("file", "is not a folder")])
def test_load_what_is_no_folder_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DefinitionError, match=problem):
        Folder.load(tmp_path / name)


def test_load_follows_links_and_ends_in_a_loop_of_them(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.yaml": app(name="a"), "sub/b.yaml": app(name="b")})
    write(tmp_path / "elsewhere", {"c.yaml": app(name="c")})
    (root / "sub" / "loop").symlink_to(root)
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "nowhere.yaml").symlink_to(tmp_path / "gone")

    folder = Folder.load(root)

    assert names(folder) == ["a", "c", "b"]
    assert short(folder.files[root / "nowhere.yaml"].diagnostics[0]).startswith("1:1 E101 the file is gone")


def test_load_of_a_folder_that_cannot_be_read_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, {"a.yaml": app(name="a"), "locked/b.yaml": app(name="b")})
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # the tests may run as root, whom nobody refuses

    folder = Folder.load(root)

    assert names(folder) == ["a"]
    assert [short(d) for d in folder.diagnostics] == [
        "1:1 E101 the folder cannot be read: Permission denied | see its owner and its rights"
    ]


def test_load_again_reads_only_what_changed(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": app(name="a"), "b.yaml": app(name="b"), "c.yaml": app(name="c")})
    first = Folder.load(root)
    (root / "b.yaml").write_text(app(name="changed"))
    (root / "c.yaml").unlink()

    second = Folder.load(root, first)

    assert names(second) == ["a", "changed"]
    assert second.files[root / "a.yaml"] is first.files[root / "a.yaml"]


def test_load_again_tries_an_unreadable_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, {"a.yaml": app(name="a")})
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *args: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        first = Folder.load(root)

    assert names(first) == []
    assert names(Folder.load(root, first)) == ["a"]


def test_replace_puts_a_file_in_the_place_of_another(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": app(name="old"), "b.yaml": app(name="b")})
    folder = Folder.load(root)
    old = folder.files[root / "a.yaml"]
    (root / "a.yaml").write_text(app(name="new"))
    changed = folder.replace(root / "a.yaml", File.load(root / "a.yaml"))

    assert names(changed) == ["new", "b"]
    assert names(changed.replace(root / "a.yaml", old)) == ["old", "b"]
    assert names(changed.replace(root / "a.yaml", None)) == ["b"]


def test_without_leaves_definitions_out(tmp_path: Path) -> None:
    file = File.load(write(tmp_path, {"a.yaml": documents(app(name="a"), app(name="b"))}) / "a.yaml")

    assert [d.name for d in file.without({file.definitions[0]}).definitions] == ["b"]


@pytest.mark.parametrize(
    "text",
    [
        "kind: App\nmetadata:\n  labels: {a: b}\n  name: lost\nspec: [\n",
        "kind: App\nmetadata: {name: lost}\nspec: [\n",
        "kind: App\nmetadata:\n  name: 'lost'\nspec: [\n",
    ],
)
def test_names_in_a_text_that_is_no_yaml_are_remembered(tmp_path: Path, text: str) -> None:
    file = File.load(write(tmp_path, {"a.yaml": documents(app(name="found"), text)}) / "a.yaml")

    assert [definition.name for definition in file.definitions] == ["found"]
    assert list(file.lost_names) == ["lost"]
    assert (tmp_path / "a.yaml").read_text().splitlines()[file.lost_names["lost"].line - 1].find("lost") == (
        file.lost_names["lost"].column - 1
    )
