from __future__ import annotations

import pytest

from bindings.pattern import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**", "a.txt"),
        ("**", "deep/er/a.txt"),
        ("*", "deep/er/a.txt"),
        ("*.jpg", "a.jpg"),
        ("*.jpg", "deep/er/a.jpg"),
        ("in/*.jpg", "in/a.jpg"),
        ("in/**", "in/a/b.txt"),
        ("in/**/*.jpg", "in/a.jpg"),
        ("in/**/*.jpg", "in/a/b/c.jpg"),
        ("**/in/*", "a/in/b"),
        ("/*.jpg", "a.jpg"),
        ("?.txt", "ä.txt"),
        ("[a-c]*.txt", "b1.txt"),
        ("[!a-c]*.txt", "d.txt"),
        ("[^a].txt", "^.txt"),
        ("a+b(1).txt", "a+b(1).txt"),
        ("[.txt", "[.txt"),
        ("*", "line\nbreak"),
    ],
)
def test_pattern_takes(pattern: str, path: str) -> None:
    assert compile_pattern(pattern).fullmatch(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.jpg", "a.jpg.txt"),
        ("*.jpg", "a.JPG"),
        ("in/*.jpg", "in/a/b.jpg"),
        ("in/*.jpg", "out/in/a.jpg"),
        ("in/**", "in"),
        ("in/**/*.jpg", "inn/a.jpg"),
        ("/*.jpg", "in/a.jpg"),
        ("a?b", "a/b"),
        ("x/a[!x]b", "x/a/b"),
        ("x/a[+-9]b", "x/a/b"),
        ("[!a-c]*.txt", "b1.txt"),
        ("a.txt", "abtxt"),
    ],
)
def test_pattern_leaves(pattern: str, path: str) -> None:
    assert not compile_pattern(pattern).fullmatch(path)


def test_pattern_with_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\[z-a\]' is not a pattern"):
        compile_pattern("[z-a]")
