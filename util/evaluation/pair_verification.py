"""Verification measures: do scores tell pairs of photos of one item from pairs of two items?

The terms are those of ``open_set``, with *same* pairs as the known and *different* pairs as the unknown: FAR is the
share of different pairs taken for the same, TAR the share of same pairs taken for the same. How hard the different
pairs are decides the numbers, so say with them how the pairs were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval
from util.evaluation.open_set import Roc, auroc, auroc_interval, equal_error_rate, roc_curve, tar_at_far


@dataclass(frozen=True, slots=True)
class PairMeasures:
    """How well pairs of one item are told from pairs of two.

    Attributes:
        n_same: pairs of one item.
        n_different: pairs of two items.
        auroc: probability that a pair of one item scores higher than a pair of two; 0.5 is chance.
        auroc_ci95: its interval.
        equal_error_rate: where as many same pairs are rejected as different ones are accepted.
        tar_at_far: for each false-accept rate, as text, the share of same pairs accepted.
        threshold: pairs are accepted from this score on.
        tar_at_threshold: share of same pairs that reach it.
        far_at_threshold: share of different pairs that reach it.
        roc: the curve, thinned.
    """

    n_same: int
    n_different: int
    auroc: float
    auroc_ci95: Interval
    equal_error_rate: float
    tar_at_far: Mapping[str, float]
    threshold: float
    tar_at_threshold: float
    far_at_threshold: float
    roc: Roc

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the curve as lists of FAR and TAR."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "roc"}
        return plain | {
            "auroc_ci95": list(self.auroc_ci95),
            "tar_at_far": dict(self.tar_at_far),
            "roc": self.roc.to_json(),
        }


def measure_pairs(
    scores: ArrayLike,
    same: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    threshold: float = 0.5,
    fars: Sequence[float] = (0.01, 0.1),
    seed: int = 0,
) -> PairMeasures:
    """All measures of a set of pairs.

    Args:
        scores: (N,) finite, one a pair: probabilities of a verifier, or cosine similarities to compare it with.
        same: bool (N,), whether the pair shows one item.
        groups: (N,) what pairs share that resemble each other, such as the item of the first photo: the interval is
            then bootstrapped over groups. Without them pairs count as independent, which pairs of the same few items
            are not, and the interval is too narrow.
        threshold: pairs are accepted from this score on.
        fars: false-accept rates to report at, each in [0, 1).
        seed: of the bootstrap.

    Raises:
        InvalidInputError: if the lengths differ, a score is not finite, or there are no pairs of one kind.

    >>> found = measure_pairs([0.9, 0.6, 0.7, 0.1], [True, True, False, False])
    >>> found.auroc, found.tar_at_threshold, found.far_at_threshold
    (0.75, 1.0, 0.5)
    """
    numbers, alike = _pairs(scores, same)
    positives, negatives = numbers[alike], numbers[~alike]
    area = auroc(positives, negatives)
    interval = (
        auroc_interval(area, positives.size, negatives.size)
        if groups is None
        else auroc_bootstrap_interval(numbers, alike, groups, seed=seed)
    )
    return PairMeasures(
        n_same=positives.size,
        n_different=negatives.size,
        auroc=area,
        auroc_ci95=interval,
        equal_error_rate=equal_error_rate(positives, negatives),
        tar_at_far={f"{far:g}": tar_at_far(positives, negatives, far) for far in fars},
        threshold=threshold,
        tar_at_threshold=float(np.mean(positives >= threshold)),
        far_at_threshold=float(np.mean(negatives >= threshold)),
        roc=roc_curve(positives, negatives).thinned(),
    )


def auroc_bootstrap_interval(
    scores: ArrayLike,
    same: ArrayLike,
    groups: Sequence[object],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of an AUROC, whole groups drawn with replacement.

    Draws without pairs of one kind say nothing of the AUROC and are left out. Where the sets separate perfectly both
    ends are 1: the bootstrap cannot see what it never saw.

    Args:
        scores: (N,) one a pair.
        same: bool (N,), whether the pair shows one item.
        groups: (N,) the group of each pair.
        resamples: how often to draw.
        confidence: in (0, 1).
        seed: the same seed gives the same interval.

    Raises:
        InvalidInputError: if the lengths differ, a number is out of range, or there are no pairs of one kind.
    """
    numbers, alike = _pairs(scores, same)
    if len(groups) != len(numbers) or resamples < 1 or not 0 < confidence < 1:
        raise InvalidInputError(
            f"a bootstrap of {len(numbers)} pairs needs as many groups, resamples and a confidence in (0, 1), got "
            f"{len(groups)} groups, {resamples} resamples and {confidence}"
        )
    numbering = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([numbering[group] for group in groups], dtype=np.intp)
    levels = np.unique(numbers, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    areas = []
    for _ in range(resamples):
        drawn = np.bincount(random.integers(0, len(numbering), len(numbering)), minlength=len(numbering))
        areas.append(_weighted_auroc(levels, alike, drawn[codes].astype(np.float64)))
    low, high = np.nanquantile(areas, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _weighted_auroc(levels: NDArray[np.intp], alike: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """AUROC of pairs that count several times; NaN where those of one kind count nothing."""
    same = np.bincount(levels[alike], weights[alike], minlength=levels.max() + 1)
    different = np.bincount(levels[~alike], weights[~alike], minlength=levels.max() + 1)
    total = same.sum() * different.sum()
    if total == 0:
        return float("nan")
    below = np.cumsum(different) - different / 2  # of equal scores half
    return float(same @ below / total)


def _pairs(scores: ArrayLike, same: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    numbers, alike = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=np.bool_)
    if numbers.ndim != 1 or numbers.shape != alike.shape or not np.all(np.isfinite(numbers)):
        raise InvalidInputError(
            f"pairs need a row of finite scores and as many flags, got shapes {numbers.shape} and {alike.shape}"
        )
    if alike.all() or not alike.any():
        raise InvalidInputError("verification is measured on pairs of one item and pairs of two: one kind is missing")
    return numbers, alike
