"""All codes of errors and warnings: title, and what `jackfield explain CODE` tells.

E1 and W1 are of files and YAML, E2 of a document's shape, E3 of names, E4 of expressions, E5 of secrets and
files, E6 of tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.definitions.case_codes import CASE_CODES
from engine.definitions.meaning_codes import MEANING_CODES
from engine.definitions.name_codes import NAME_CODES
from engine.definitions.reading_codes import READING_CODES
from engine.definitions.shape_codes import SHAPE_CODES
from engine.definitions.value_codes import VALUE_CODES

CODES: Mapping[str, tuple[str, str]] = {
    **READING_CODES,
    **NAME_CODES,
    **SHAPE_CODES,
    **VALUE_CODES,
    **MEANING_CODES,
    **CASE_CODES,
}
