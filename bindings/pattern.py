from __future__ import annotations

import re

_TOKEN = re.compile(r"\[(!?)([^\]]+)\]|.", re.DOTALL)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression for whole relative paths, from a pattern as in https://git-scm.com/docs/gitignore:
    without `/` it is for names in any folder, else for the path; `**` is for any number of folders.

    Raises `ValueError` for a class of characters that is none, such as `[z-a]`.
    """
    path = pattern.lstrip("/") if "/" in pattern else f"**/{pattern}"
    *folders, name = path.split("/")
    parts = ["(?:[^/]+/)*" if folder == "**" else f"{_name(folder)}/" for folder in folders]
    try:
        return re.compile("".join(parts) + (".+" if name == "**" else _name(name)), re.DOTALL)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a pattern: {error.msg}") from error


def _name(pattern: str) -> str:
    return _TOKEN.sub(_expression, pattern)


def _expression(token: re.Match[str]) -> str:
    match token[0]:
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if token[2]:
        members = re.escape(token[2]).replace(r"\-", "-")
        return f"(?!/)[{'^' if token[1] else ''}{members}]"
    return re.escape(token[0])
