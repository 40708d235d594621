"""The root folder, and keys that cannot lead out of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from engine.errors import DefinitionError, NotReady, Permanent

_NAME_LIMIT = 255  # bytes a name: NAME_MAX of every common file system

# As Dapr's binding refuses them (https://github.com/dapr/components-contrib/issues/2444).
_FORBIDDEN = [Path(path) for path in ("/proc", "/sys", "/boot", "/run/secrets", "/var/run/secrets")]


def open_root(root_path: str) -> Path:
    """The root folder with its symbolic links resolved, made when it is missing.

    Raises `DefinitionError` for one that cannot be used, and `NotReady` when the disk does not answer.
    """
    try:
        root = Path(root_path).resolve()
        if any(root.is_relative_to(forbidden) for forbidden in _FORBIDDEN):
            raise DefinitionError(f"rootPath {root_path!r} is a folder of the system", hint="choose another folder")
        root.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise DefinitionError(f"rootPath {root_path!r} is not a folder", hint="a file is in its place") from error
    except (PermissionError, ValueError, RuntimeError) as error:
        raise DefinitionError(f"rootPath {root_path!r} cannot be used: {error}") from error
    except OSError as error:
        raise NotReady(f"rootPath {root_path!r} cannot be used: {error}") from error
    return root


def confine(root: Path, key: str) -> Path:
    """The path of a key below a resolved root; raises `Permanent` for a key that could be anywhere else."""
    parts = PurePosixPath(key).parts
    if reason := _refused(key, parts):
        raise Permanent(f"the file name {key!r} {reason}; give a path relative to rootPath, such as reports/may.csv")
    try:
        path = root.joinpath(*parts).resolve()
    except (OSError, RuntimeError) as error:
        raise Permanent(f"the file name {key!r} cannot be used: {error}") from error
    if not path.is_relative_to(root):
        raise Permanent(f"the file name {key!r} leads out of rootPath through a symbolic link")
    return path


def _refused(key: str, parts: tuple[str, ...]) -> str | None:
    try:
        key.encode()
    except UnicodeEncodeError:
        return "cannot be written as UTF-8"
    if "\0" in key:
        return "has a NUL byte"
    if key.startswith("/"):
        return "is absolute"
    if ".." in parts:
        return "leads out of its folder with '..'"
    if any(len(part.encode()) > _NAME_LIMIT for part in parts):
        return f"is too long: more than {_NAME_LIMIT} bytes between two slashes"
    return None
