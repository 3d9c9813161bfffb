"""Accuracy against the strength of a disturbance.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
2019. Queries say by their metadata ``disturbance`` and ``strength`` what was done to them, as the lists of
``datasets.disturbed_set`` do; ``none`` and 0 stand for photos as they are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval, wilson_interval
from util.evaluation.outcomes import Outcome
from util.records import Metadata

UNDISTURBED = "none"


@dataclass(frozen=True, slots=True)
class StrengthAccuracy:
    """Top-1 accuracy at one strength.

    Attributes:
        strength: in [0, 1].
        n: queries that count.
        accuracy: share of them whose first hit shows the right item.
        ci95: Wilson interval.
    """

    strength: float
    n: int
    accuracy: float
    ci95: Interval


@dataclass(frozen=True, slots=True)
class RobustnessCurve:
    """Top-1 accuracy against the strength of one disturbance.

    Attributes:
        disturbance: its name.
        points: by rising strength; the first is that of undisturbed photos, where there are any.
    """

    disturbance: str
    points: tuple[StrengthAccuracy, ...]

    @property
    def mean_accuracy(self) -> float:
        """Mean over the strengths above 0, each counting alike; NaN without any."""
        disturbed = [point.accuracy for point in self.points if point.strength > 0]
        return sum(disturbed) / len(disturbed) if disturbed else math.nan

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        mean = None if math.isnan(self.mean_accuracy) else self.mean_accuracy
        return {"disturbance": self.disturbance, "mean_accuracy": mean, "points": [asdict(one) for one in self.points]}


def measure_by_strength(outcomes: Sequence[Outcome], shots: Mapping[str, Metadata]) -> tuple[RobustnessCurve, ...]:
    """Top-1 accuracy for each disturbance and strength.

    Only outcomes of known queries count, those whose item the gallery shows; what a threshold decided does not matter,
    only the first hit. A query without a hit is wrong.

    Args:
        outcomes: one a query.
        shots: what was done to each query, by its id: ``disturbance`` and ``strength``.

    Returns:
        one curve a disturbance, by name; none for undisturbed photos alone.

    Raises:
        InvalidInputError: if a query has no disturbance or strength, or one that is no number in [0, 1].

    >>> outcomes = [Outcome(q, "milk", "known", hit, hit_item=hit) for q, hit in (("a", "milk"), ("b", "cream"))]
    >>> shots = {"a": {"disturbance": "none", "strength": 0}, "b": {"disturbance": "blur", "strength": 0.5}}
    >>> [curve] = measure_by_strength(outcomes, shots)
    >>> curve.disturbance, [(point.strength, point.accuracy) for point in curve.points]
    ('blur', [(0.0, 1.0), (0.5, 0.0)])
    """
    hits: dict[str, dict[float, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for outcome in outcomes:
        kind, strength = _shot(outcome.query, shots)
        if outcome.true_item is not None:
            hits[kind][strength].append(outcome.hit_item == outcome.true_item)
    undisturbed = [one for rows in hits.pop(UNDISTURBED, {}).values() for one in rows]
    return tuple(_curve(kind, hits[kind], undisturbed) for kind in sorted(hits))


def _shot(query: str, shots: Mapping[str, Metadata]) -> tuple[str, float]:
    about = shots.get(query, {})
    kind, strength = about.get("disturbance"), about.get("strength")
    if not isinstance(kind, str) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise InvalidInputError(
            f"query {query!r} does not say its disturbance and its strength in [0, 1]: ask the photos of a list that "
            "nearid dataset disturb has written"
        )
    return kind, float(strength)


def _curve(kind: str, hits: Mapping[float, list[bool]], undisturbed: list[bool]) -> RobustnessCurve:
    rows = {0.0: undisturbed + hits.get(0.0, [])} | {strength: row for strength, row in hits.items() if strength > 0}
    return RobustnessCurve(kind, tuple(_point(strength, rows[strength]) for strength in sorted(rows) if rows[strength]))


def _point(strength: float, hits: list[bool]) -> StrengthAccuracy:
    return StrengthAccuracy(strength, len(hits), sum(hits) / len(hits), wilson_interval(sum(hits), len(hits)))
