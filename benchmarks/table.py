"""The rows of the one table that all benchmarks print."""

from __future__ import annotations


def row(figure: str, measured: str, bar: str = "") -> None:
    """Prints at once, so that one sees how far a long run is."""
    print(f"{figure:<56}{measured:>20}   {bar}".rstrip(), flush=True)
