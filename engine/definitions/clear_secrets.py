"""Secrets that stand in a file: what is known to be one by its field, by its form, or by its name and its randomness.

The forms are those that the systems document for their keys; what opens only this machine is left alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.parsed import Path

_FORMS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}|\bnpm_\w{36}"
    r"|\bxox[abprs]-[\w-]{10}|\b[rs]k_live_\w{16}|\bAIza[\w-]{35}|\bSG\.[\w-]{16,}\.[\w-]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10}"  # a JSON Web Token
    r"|://[^/\s:@{]+:[^/\s@{]+@"
    r"|\b(?:Password|Pwd|AccountKey|SharedAccessKey)=[^;\s{]{6}"
)
_NAMES = re.compile(r"(?:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)[_-]?key|authorization)$", re.I)
# A text with none of these has no secret, and to see that is fast.
_CLUES = (
    *("pass", "pwd=", "secret", "token", "apikey", "accesskey", "accountkey", "privatekey", "_key", "-key"),
    *("authorization", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_"),
    *("xox", "_live_", "aiza", "sg.", "-----begin", "eyj"),
)
_SCHEME = re.compile(r"^(?:Bearer|Basic|Token) +", re.I)
_THIS_MACHINE = re.compile(r"\blocalhost\b|\b127\.0\.0\.\d|\[::1\]")
_REFERENCES = frozenset({"secretKeyRef", "secretStore", "envRef", "validate", "auth"})
_SHORTEST, _LEAST_ENTROPY = 16, 3.0  # characters, and bits a character: a word of a language has less of both


def check_secrets(document: Document, secret_fields: Collection[Path]) -> Iterator[Diagnostic]:
    """A warning for each secret in the clear; `secret_fields` are the paths of values that are secrets for certain."""
    text = document.source.text.lower()
    if not (secret_fields or any(clue in text for clue in _CLUES) or ("://" in text and "@" in text)):
        return
    for path, name, value in _texts(document.value, (), ""):
        if not value or "{{" in value or _THIS_MACHINE.search(value):
            continue
        if path in secret_fields or _FORMS.search(value) or (_NAMES.search(name) and _is_random(value)):
            what = f"`{name}`" if name else "this"
            message = f"{what} is a secret, and stands here in the clear"
            hint = "keep it in a secret store (`secretKeyRef`) or in the environment (`envRef`)"
            yield document.warning("W501", message, path, hint)


def _texts(value: Any, path: Path, name: str) -> Iterator[tuple[Path, str, str]]:
    """Each text, its path, and the name of its field."""
    if isinstance(value, str):
        yield path, name, value
    elif isinstance(value, dict):
        own = value.get("name") if "value" in value else None  # an entry of a Dapr list
        for key, item in value.items():
            if key not in _REFERENCES:
                yield from _texts(item, (*path, key), own if isinstance(own, str) and key == "value" else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index), name)


def _is_random(value: str) -> bool:
    text = _SCHEME.sub("", value)
    if len(text) < _SHORTEST or " " in text or not (re.search(r"\d", text) and re.search("[A-Za-z]", text)):
        return False
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
    return entropy >= _LEAST_ENTROPY
