from __future__ import annotations

from pathlib import Path

import pytest

from bindings.localstorage.path import confine, open_root
from engine.errors import DefinitionError, Permanent


@pytest.mark.parametrize(
    ("key", "relative"),
    [
        ("a.txt", "a.txt"),
        ("reports/may.csv", "reports/may.csv"),
        ("./a.txt", "a.txt"),
        ("a//b/", "a/b"),
        ("..a/b..", "..a/b.."),
        ("größe 1.txt", "größe 1.txt"),
        ("", ""),
        ("x" * 255, "x" * 255),
    ],
)
def test_confine_gives_the_path_below_the_root(tmp_path: Path, key: str, relative: str) -> None:
    assert confine(tmp_path, key) == tmp_path / relative


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("..", "leads out of its folder"),
        ("../secret", "leads out of its folder"),
        ("a/../../secret", "leads out of its folder"),
        ("a/..", "leads out of its folder"),
        ("/etc/passwd", "is absolute"),
        ("//etc/passwd", "is absolute"),
        ("a\0.txt", "NUL byte"),
        ("x" * 256, "is too long"),
        ("a/" + "ä" * 128, "is too long"),
        ("\udcff.txt", "cannot be written as UTF-8"),
    ],
)
def test_confine_refuses_a_key_that(tmp_path: Path, key: str, reason: str) -> None:
    with pytest.raises(Permanent, match=reason):
        confine(tmp_path, key)


def test_confine_follows_a_symbolic_link_only_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (root / "inside").symlink_to(root / "real")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "sibling").symlink_to(tmp_path / "root2")
    assert confine(root, "inside/a.txt") == root / "real" / "a.txt"
    for key in ("out", "out/a.txt", "passwd", "sibling/a.txt"):
        with pytest.raises(Permanent, match="through a symbolic link"):
            confine(root, key)


def test_confine_refuses_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Permanent, match="cannot be used"):
        confine(tmp_path, "loop/a.txt")


def test_open_root_makes_the_folder_and_resolves_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_root(str(tmp_path / "link" / "deep")) == tmp_path / "real" / "deep"
    assert (tmp_path / "real" / "deep").is_dir()


@pytest.mark.parametrize("root", ["/proc", "/sys/kernel", "/boot", "/var/run/secrets/x", "/tmp/../proc/1"])
def test_open_root_refuses_folders_of_the_system(root: str) -> None:
    with pytest.raises(DefinitionError, match="a folder of the system"):
        open_root(root)


def test_open_root_refuses_a_link_to_a_folder_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to("/proc")
    with pytest.raises(DefinitionError, match="a folder of the system"):
        open_root(str(tmp_path / "innocent"))


@pytest.mark.parametrize("below", ["file", "file/folder"])
def test_open_root_refuses_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DefinitionError, match="is not a folder"):
        open_root(str(tmp_path / below))
