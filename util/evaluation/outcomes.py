"""What became of each query: the item it shows, what was decided, and how decisions came out in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from util.errors import InvalidInputError
from util.records import DecisionKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query, its truth and its answer.

    Attributes:
        query: id of the query.
        true_item: the item it shows; ``None`` if the gallery does not show that item, so that ``new`` is right.
        decision: ``known``, ``new`` or ``unsure``.
        item: the item it was taken for, or the best guess when ``unsure``; ``None`` when ``new``.
        score: score of the best hit; ``None`` if nothing was found.
        hit: id of the best hit; ``None`` if nothing was found.
        hit_item: the item it shows, whatever was decided.
        label: what the query is labelled as, whether or not the gallery shows it.
        right_hit: id of the best hit that shows the true item; ``None`` if there is none in the ranking.
        right_score: its score.
        right_place: its place in the ranking, from 1.
        query_path: file of the query, where known.
        hit_path: file of the best hit, where known.
        right_path: file of the best right hit, where known.
    """

    query: str
    true_item: str | None
    decision: DecisionKind
    item: str | None
    score: float | None = None
    hit: str | None = None
    hit_item: str | None = None
    label: str | None = None
    right_hit: str | None = None
    right_score: float | None = None
    right_place: int | None = None
    query_path: str | None = None
    hit_path: str | None = None
    right_path: str | None = None

    def __post_init__(self) -> None:
        if self.decision not in ("known", "new", "unsure"):
            raise InvalidInputError(f"a decision is known, new or unsure, not {self.decision!r}")
        if self.decision == "known" and self.item is None:
            raise InvalidInputError(f"query {self.query!r} was decided known, so its item must be named")

    @property
    def right(self) -> bool:
        """Whether a known query was given its item, or an unknown one called new. ``unsure`` is never right."""
        if self.decision == "unsure":
            return False
        return (self.item if self.decision == "known" else None) == self.true_item

    @property
    def wrong(self) -> bool:
        """Whether a user was told something false. ``unsure`` is never wrong."""
        return self.decision != "unsure" and not self.right

    def to_json(self) -> dict[str, str | float | None]:
        """As a plain dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """How decisions came out; the seven counts add up to the number of queries.

    Attributes:
        known_right: known queries given their item.
        known_wrong: known queries given another item.
        known_unsure: known queries left open.
        known_called_new: known queries taken for new items.
        unknown_called_new: unknown queries recognised as new.
        unknown_unsure: unknown queries left open.
        unknown_accepted: unknown queries taken for known items.
    """

    known_right: int
    known_wrong: int
    known_unsure: int
    known_called_new: int
    unknown_called_new: int
    unknown_unsure: int
    unknown_accepted: int

    @property
    def n_known(self) -> int:
        """Queries whose item is in the gallery."""
        return self.known_right + self.known_wrong + self.known_unsure + self.known_called_new

    @property
    def n_unknown(self) -> int:
        """Queries whose item is not in the gallery."""
        return self.unknown_called_new + self.unknown_unsure + self.unknown_accepted

    def to_json(self) -> dict[str, int]:
        """As a plain dictionary."""
        return asdict(self)


def count_decisions(outcomes: Sequence[Outcome]) -> DecisionCounts:
    """Counts the outcomes by truth and decision; all zero for none.

    >>> made = count_decisions([Outcome("q1", "milk", "known", "milk"), Outcome("q2", None, "known", "milk")])
    >>> made.known_right, made.unknown_accepted
    (1, 1)
    """

    def count(*, known: bool, decision: DecisionKind) -> int:
        return sum((one.true_item is not None) == known and one.decision == decision for one in outcomes)

    right = sum(one.right and one.decision == "known" for one in outcomes)
    return DecisionCounts(
        known_right=right,
        known_wrong=count(known=True, decision="known") - right,
        known_unsure=count(known=True, decision="unsure"),
        known_called_new=count(known=True, decision="new"),
        unknown_called_new=count(known=False, decision="new"),
        unknown_unsure=count(known=False, decision="unsure"),
        unknown_accepted=count(known=False, decision="known"),
    )


def by_score(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Outcomes by falling score of the best hit, those without a hit last; equal ones by the query's id."""
    return tuple(sorted(outcomes, key=lambda one: (one.score is None, -(one.score or 0.0), one.query)))
