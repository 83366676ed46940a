"""Why a method was selected, or none."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _native


class Attempt:
    """One place where the selection looked, and what was found there. Holds no secret."""

    __module__ = "yandex_cloud_auth"
    __slots__ = ("elapsed", "method", "outcome", "reason", "source")

    #: The name of the method.
    method: str
    #: The variable, address or program.
    source: str
    #: `selected`, `absent`, `broken` or `not-tried`.
    outcome: str
    #: Why, in a few words.
    reason: str
    #: How many seconds it took.
    elapsed: float

    def __init__(self, method: str, source: str, outcome: str, reason: str, elapsed: float) -> None:
        self.method = method
        self.source = source
        self.outcome = outcome
        self.reason = reason
        self.elapsed = elapsed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attempt):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.method, self.source, self.outcome, self.reason))

    def __repr__(self) -> str:
        return f"Attempt({self.method!r}, {self.source!r}, {self.outcome!r}, {self.reason!r}, {self.elapsed!r})"


class Report:
    """What the selection tried, in order. `str()` is a table for people."""

    __module__ = "yandex_cloud_auth"
    __slots__ = ("_text", "attempts", "notes")

    #: The places, in the order of selection.
    attempts: tuple[Attempt, ...]
    #: Warnings for a person.
    notes: tuple[str, ...]

    def __init__(self, attempts: tuple[Attempt, ...], notes: tuple[str, ...], text: str) -> None:
        self.attempts = attempts
        self.notes = notes
        self._text = text

    @property
    def selected(self) -> Attempt | None:
        """The place that was selected."""
        return next((attempt for attempt in self.attempts if attempt.outcome == "selected"), None)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        selected = self.selected
        return f"<Report selected={None if selected is None else selected.method!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Report):
            return NotImplemented
        return self.attempts == other.attempts and self.notes == other.notes

    def __hash__(self) -> int:
        return hash((self.attempts, self.notes))


def make(report: _native.Report) -> Report:
    """The report that the native half gives."""
    fields: list[Any] = []
    notes: list[str] = []
    text = report.fill(fields, notes)
    columns = (fields[at :: len(Attempt.__slots__)] for at in range(len(Attempt.__slots__)))
    return Report(tuple(Attempt(*values) for values in zip(*columns)), tuple(notes), text)
