"""The result of a comparison: several systems asked the same queries, each with its numbers and its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.latency import Latency
from util.evaluation.outcomes import Outcome
from util.evaluation.report import Evaluation
from util.evaluation.robustness import RobustnessCurve
from util.evaluation.significance import PairedMeans, PairedShares, compare_means, compare_shares, holm


@dataclass(frozen=True, slots=True)
class Cost:
    """What a system costs.

    Attributes:
        answer: from a photo's file to its hits in their last order, one query at a time.
        search: the part of it that the store took.
        rerank: the part of it that the re-ranker took; ``None`` without one. One that looks at photos has seen these
            before and remembers their features, so this is what matching takes.
        gallery_seconds: what the re-ranker did once for the gallery; ``None`` without one.
        images_per_second: photos read, preprocessed and embedded in a second; ``None`` where all embeddings were there
            from an earlier run.
        bytes_per_vector: of one embedding as the store keeps it (float32).
    """

    answer: Latency
    search: Latency
    rerank: Latency | None
    gallery_seconds: float | None
    images_per_second: float | None
    bytes_per_vector: int

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; times in milliseconds, but that of the gallery."""
        return {
            "ms_per_query": self.answer.p50,
            "answer_ms": self.answer.to_json(),
            "search_ms": self.search.to_json(),
            "rerank_ms": self.rerank.to_json() if self.rerank else None,
            "rerank_gallery_seconds": self.gallery_seconds,
            "images_per_second": self.images_per_second,
            "bytes_per_vector": self.bytes_per_vector,
        }


@dataclass(frozen=True, slots=True)
class PerQuery:
    """What a system made of each query, for pairing it with another one's.

    Attributes:
        found_first: 1 where the first hit shows the right item, else 0, by the query's id; NaN where it does not count.
        average_precision: likewise.
        source: the photo that a query was made of, where several queries are made of one; empty where none are.
    """

    found_first: Mapping[str, float]
    average_precision: Mapping[str, float]
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgainstFirst:
    """A system against the first one of its comparison, query by query.

    Attributes:
        top1: difference of top-1 (this one's minus the first one's), its interval and p.
        map: difference of mAP, with a paired bootstrap over queries.
        top1_p_holm: p of top-1, adjusted for the number of systems compared.
        map_p_holm: p of mAP, likewise.
    """

    top1: PairedShares
    map: PairedMeans
    top1_p_holm: float
    map_p_holm: float

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {
            "top1": self.top1.to_json() | {"p_holm": self.top1_p_holm},
            "map": self.map.to_json() | {"p_holm": self.map_p_holm},
        }


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """One system of a comparison.

    Attributes:
        name: tells it from the others.
        extractor: its extractor.
        recipe: its preprocessing.
        index: its search index.
        reranker: what orders its hits; ``None`` where they stay as they were found.
        evaluation: its numbers.
        per_query: what it made of each query.
        outcomes: first hits of the queries that have a label.
        robustness: top-1 by strength, where the queries are of a disturbed set.
        cost: what it costs.
        against_first: how it differs from the first system; ``None`` for that one.
    """

    name: str
    extractor: str
    recipe: str
    index: str
    reranker: str | None
    evaluation: Evaluation
    per_query: PerQuery
    outcomes: tuple[Outcome, ...]
    robustness: tuple[RobustnessCurve, ...]
    cost: Cost
    against_first: AgainstFirst | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``nearid evaluate --json`` has it, and what only a comparison knows."""
        return {
            "name": self.name,
            "extractor": self.extractor,
            "recipe": self.recipe,
            "index": self.index,
            "reranker": self.reranker,
            "cost": self.cost.to_json(),
            "against_first": self.against_first.to_json() if self.against_first else None,
            "robustness": [curve.to_json() for curve in self.robustness],
        } | self.evaluation.to_json()


@dataclass(frozen=True, slots=True)
class FailedSystem:
    """A system that could not be asked.

    Attributes:
        name: of the system.
        error: the reason, and how to mend it.
        code: that of the error, for programs.
    """

    name: str
    error: str
    code: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that a system could not read.

    Attributes:
        path: what messages call it.
        error: the reason.
    """

    path: str
    error: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Systems side by side, in the order asked.

    Attributes:
        systems: those that could be asked; the first is what the others are held against.
        failed_systems: the others.
        left_out: images, of gallery or queries, that could not be read and took no part.
    """

    systems: tuple[ComparedSystem, ...]
    failed_systems: tuple[FailedSystem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every system was asked and every image read."""
        return not self.failed_systems and not self.left_out

    def to_json(self) -> dict[str, Any]:
        """As ``nearid compare --json`` prints it."""
        return {
            "systems": [system.to_json() for system in self.systems],
            "failed_systems": [asdict(failed) for failed in self.failed_systems],
            "failed": [asdict(image) for image in self.left_out],
        }


def against_first(systems: Sequence[ComparedSystem]) -> tuple[ComparedSystem, ...]:
    """The systems, each held against the first one on the queries that count for both.

    Where several queries are made of one photo, they are drawn together: they are not independent.

    Raises:
        InvalidInputError: if two systems have the same name.
    """
    if len({system.name for system in systems}) < len(systems):
        raise InvalidInputError("two systems of a comparison have the same name: ask each of them once")
    if not systems:
        return ()
    first, *others = systems
    pairs = [_Pairs.of(first, one) for one in others]
    shares = [compare_shares(*pair.found_first, groups=pair.groups) for pair in pairs]
    means = [compare_means(*pair.average_precision, groups=pair.groups) for pair in pairs]
    adjusted = zip(holm([share.p for share in shares]), holm([mean.p for mean in means]), strict=True)
    compared = (
        replace(one, against_first=AgainstFirst(share, mean, *ps))
        for one, share, mean, ps in zip(others, shares, means, adjusted, strict=True)
    )
    return (replace(first, against_first=None), *compared)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What two systems made of the queries that both could read."""

    found_first: tuple[NDArray[np.float64], NDArray[np.float64]]
    average_precision: tuple[NDArray[np.float64], NDArray[np.float64]]
    groups: list[str] | None

    @classmethod
    def of(cls, first: ComparedSystem, second: ComparedSystem) -> Self:
        ours, theirs = first.per_query, second.per_query
        both = [query for query in ours.found_first if query in theirs.found_first]
        return cls(
            (_values(ours.found_first, both), _values(theirs.found_first, both)),
            (_values(ours.average_precision, both), _values(theirs.average_precision, both)),
            [ours.source.get(query, query) for query in both] if ours.source else None,
        )


def _values(of_query: Mapping[str, float], queries: Sequence[str]) -> NDArray[np.float64]:
    return np.array([of_query[query] for query in queries], dtype=np.float64)


def most_divided(systems: Sequence[ComparedSystem], n: int) -> list[str]:
    """The ids of up to ``n`` queries that some systems get right and others wrong, the most evenly divided first.

    Of equally divided ones the items take turns, so that one hard item does not fill the list. Only queries that every
    system could read count, and that have something to find.
    """
    right = [system.per_query.found_first for system in systems]
    shared = set.intersection(*(set(found) for found in right)) if right else set()
    items = {outcome.query: outcome.true_item for system in systems[:1] for outcome in system.outcomes}
    turns: Counter[tuple[float, str | None]] = Counter()
    divided = []
    for query in sorted(shared):
        verdicts = [found[query] for found in right]
        if 0 < sum(verdicts) < len(verdicts):  # NaN compares as neither
            one_sided = abs(sum(verdicts) / len(verdicts) - 0.5)
            turn = one_sided, items.get(query)
            divided.append((one_sided, turns[turn], query))
            turns[turn] += 1
    return [query for *_, query in sorted(divided)[:n]]
