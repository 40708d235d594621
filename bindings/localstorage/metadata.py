from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration, Size, Text
from bindings.pattern import compile_pattern


class LocalStorageMetadata(BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/localstorage/, and the input's fields."""

    root_path: Text = Field(
        description="The folder that holds the files, and which no file name leads out of; made when it is missing.",
        examples=["data/uploads", "/srv/files"],
        min_length=1,
    )
    decode_base64: Flag = Field(
        False,
        description="Output: `create` takes data that is base64 text, and writes what it stands for. "
        "Dapr's binding guesses, and so spoils text that happens to be base64.",
        examples=["true"],
    )
    pattern: Text = Field(
        "**",
        description="Input: which files become events. As in .gitignore: a pattern without `/` is for names in any "
        "folder, one with `/` for the path relative to rootPath, and `**` is for any number of folders. "
        "Hidden files, symbolic links and names that end in .part or .tmp are never taken.",
        examples=["*.jpg", "incoming/**/*.json"],
        min_length=1,
    )
    poll_interval: PositiveDuration = Field(
        0.5,
        description="Input: how long to wait between two looks at the folder.",
        examples=["500ms", "1m"],
    )
    settle_time: Duration = Field(
        0.5,
        description="Input: a file is taken when its size and time stay the same for this long, seen in two looks; "
        "one that is still being written is left alone.",
        examples=["500ms", "10s"],
    )
    max_inline_size: Size = Field(
        2**20,
        description="Input: the data of larger files stay where they are, and the event has their URI in `dataref`. "
        "An output of this type copies them from there.",
        examples=["1Mi", "64Ki"],
    )
    on_done: Literal["keep", "delete"] = Field(
        "keep",
        description="Input: `delete` removes a file when its event is done. A file whose event was filtered or "
        "dead-lettered stays in either case, and is not taken again until it changes.",
        examples=["keep", "delete"],
    )

    @field_validator("pattern")
    @classmethod
    def _pattern_is_one(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern
