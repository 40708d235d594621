"""The table that a chaos run prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from benchmarks.chaos.account import Account
from benchmarks.chaos.run import Findings

_COLUMNS = {
    "sent": "sent",
    "done": "done",
    "filtered": "filtered",
    "dead": "dead",
    "waiting": "waiting",
    "lost": "lost",
    "repeated": "repeated",
    "unexcused": "unexcused",
    "doubled": "doubled",
    "disorder": "out of order",
    "wrong": "wrong",
}
_MOST_COMPLAINTS = 10


def report(findings: Findings) -> str:
    happened = findings.happened
    outages = ", ".join(f"{happened[f'app-{kind}']} {what}" for kind, what in _OUTAGES.items())
    faults = ", ".join(f"{name.removeprefix('fault ')} {n}" for name, n in _faults(happened).items())
    lines = [
        *_table(findings.accounts),
        "",
        f"kills        {happened['kills']} of the engine, {happened['fault replay']} of the command that replays",
        f"             at fault points: {faults or 'none'}",
        f"outages      {outages}",
        f"disk full    {happened['disk full']} times",
        f"changes      {happened['reloads']} reloads of all pipelines, {happened['clock jumps']} jumps of the clock",
        f"replays      {happened['replays']} of all dead letters",
        f"seconds      {findings.seconds:.0f}",
        "",
        *(f"! {complaint}" for complaint in list(dict.fromkeys(findings.complaints))[:_MOST_COMPLAINTS]),
        "A promise was broken." if findings.is_broken else "Every promise was kept.",
    ]
    return "\n".join(lines)


_OUTAGES = {"stop": "stops of the app", "hang": "times it hung", "errors": "times it answered 500, 503 and 429"}


def _faults(happened: Counter[str]) -> Mapping[str, int]:
    return {name: happened[name] for name in sorted(happened) if name.startswith("fault ")}


def _table(accounts: Mapping[str, Account]) -> list[str]:
    lines = ["pipeline" + "".join(f"{title:>{_width(title)}}" for title in _COLUMNS.values())]
    for name, one in accounts.items():
        lines.append(f"{name:<8}" + "".join(_cell(getattr(one, field), title) for field, title in _COLUMNS.items()))
    totals = {field: sum(getattr(one, field) for one in accounts.values()) for field in _COLUMNS}
    return [*lines, "in all  " + "".join(_cell(totals[field], title) for field, title in _COLUMNS.items())]


def _cell(value: int, title: str) -> str:
    return f"{value:>{_width(title)},}"


def _width(title: str) -> int:
    return max(len(title), 7) + 2
