"""How a pipeline is, for a person: whether it runs, what it waits for, and what it has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from engine.observer import Counts

State: TypeAlias = Literal["running", "paused", "waiting", "refused"]


@dataclass(frozen=True, slots=True)
class Status:
    """`running`; `paused`: an app or an output does not answer, see `paused`; `waiting`: its own system does not, and
    `problem` says why; `refused`: it can never run as it is defined.

    `revision` is that which runs, empty when none does. `input` names its component. `counts` are since the engine's
    start. `under_way`: messages that were read and are not settled.
    """

    state: State
    file: str
    input: str
    revision: str = ""
    problem: str = ""
    paused: Mapping[str, str] = field(default_factory=dict)  # why, by the stage
    under_way: int = 0
    counts: Counts = field(default_factory=Counts)

    @property
    def is_well(self) -> bool:
        return self.state == "running"

    def as_json(self) -> dict[str, Any]:
        fields = {name: value for name, value in asdict(self).items() if value not in ("", {})}
        counts = {_camel(name): value for name, value in fields.pop("counts").items()}
        return {**{_camel(name): value for name, value in fields.items()}, "counts": counts}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
