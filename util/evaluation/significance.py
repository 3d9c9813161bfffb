"""Do two systems that were asked the same queries really differ? Paired tests and intervals of differences.

The same photos are easy or hard for both systems, so what tells them apart are the queries on which they disagree. Two
separate intervals that overlap do not say that there is no difference; these tests, made on pairs, do or do not.

Queries count as independent unless ``groups`` say what they share. Shots of one photo, and photos of one item, resemble
each other: taken one by one they make chance look smaller than it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, norm

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval, bootstrap_means


@dataclass(frozen=True, slots=True)
class PairedShares:
    """Two shares of the same queries, such as top-1 of two systems.

    Attributes:
        n: queries that count.
        only_first: those that the first system alone got right.
        only_second: those that the second alone got right.
        difference: share of the second minus share of the first; NaN for no query.
        ci95: its 95 % interval.
        p: how often two equal systems would differ as much.
        test: ``mcnemar`` (mid-p), or ``bootstrap`` where queries came in groups.
    """

    n: int
    only_first: int
    only_second: int
    difference: float
    ci95: Interval
    p: float
    test: Literal["mcnemar", "bootstrap"]

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the difference of nothing is ``None``."""
        return asdict(self) | {"difference": _number(self.difference)}


@dataclass(frozen=True, slots=True)
class PairedMeans:
    """Two means over the same queries, such as mAP of two systems.

    Attributes:
        n: queries that count.
        difference: mean of the second minus mean of the first; NaN for no query.
        ci95: its 95 % percentile interval.
        p: of the paired bootstrap test.
    """

    n: int
    difference: float
    ci95: Interval
    p: float

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; what cannot be measured is ``None``."""
        return asdict(self) | {"difference": _number(self.difference), "ci95": [_number(end) for end in self.ci95]}


def mcnemar(only_first: int, only_second: int, *, mid_p: bool = True) -> float:
    """Two-sided p value of McNemar's test (*Psychometrika* 12, 1947) that neither of two systems is right more often.

    With n discordant queries and X binomial(n, 1/2), the exact value is min(1, 2 P(X ≤ min)), and the mid-p value
    2 P(X ≤ min) − P(X = min). The exact one is too careful on few queries; the mid-p one keeps to its level there in
    nearly all cases (Fagerland, Lydersen and Laake, *BMC Medical Research Methodology* 13:91, 2013).

    Args:
        only_first: queries that the first system alone got right.
        only_second: queries that the second system alone got right.
        mid_p: the mid-p value; the exact one otherwise.

    Returns:
        The p value; 1 where the systems disagree on no query.

    Raises:
        InvalidInputError: if a count is negative.

    >>> round(mcnemar(1, 8, mid_p=False), 4), round(mcnemar(1, 8), 4)
    (0.0391, 0.0215)
    """
    if min(only_first, only_second) < 0:
        raise InvalidInputError(f"counts of queries start at 0, got {only_first} and {only_second}")
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    both_tails = 2.0 * float(binom.cdf(fewer, n, 0.5))
    return min(1.0, both_tails - float(binom.pmf(fewer, n, 0.5)) if mid_p else both_tails)


def paired_share_interval(only_first: int, only_second: int, n: int, confidence: float = 0.95) -> Interval:
    """Interval of the difference of two paired shares, second minus first (Bonett and Price, 2012).

    Wald's interval with a half added to each of the four kinds of query, so that it stays honest for few queries and
    for two systems that never disagreed: p₁ = (only_first + 1) / (n + 2), p₂ = (only_second + 1) / (n + 2), and
    p₂ − p₁ ± z √((p₁ + p₂ − (p₂ − p₁)²) / (n + 2)). From *Journal of Educational and Behavioral Statistics* 37;
    recommended by Fagerland, Lydersen and Laake, *Statistics in Medicine* 33, 2014.

    Args:
        only_first: queries that the first system alone got right.
        only_second: queries that the second system alone got right.
        n: all queries.
        confidence: in (0, 1).

    Returns:
        The ends, inside [-1, 1]; (-1, 1) for no query, since nothing is known then.

    Raises:
        InvalidInputError: if the counts or the confidence are out of range.

    >>> low, high = paired_share_interval(0, 0, 25)
    >>> f"{low:.2f} to {high:.2f}"
    '-0.10 to 0.10'
    """
    if min(only_first, only_second) < 0 or only_first + only_second > n:
        raise InvalidInputError(f"of {n} queries {only_first} and {only_second} cannot be right for one system alone")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"a confidence lies between 0 and 1, such as 0.95, not {confidence}")
    if n == 0:
        return -1.0, 1.0
    first, second = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    centre = second - first
    spread = float(norm.ppf(0.5 + confidence / 2)) * math.sqrt((first + second - centre * centre) / (n + 2))
    return max(-1.0, centre - spread), min(1.0, centre + spread)


def compare_shares(
    first: ArrayLike, second: ArrayLike, *, groups: Sequence[object] | None = None, seed: int = 0
) -> PairedShares:
    """The difference of what two systems got right, its interval, and whether it is more than luck.

    Without groups: McNemar's test and the interval of Bonett and Price. Both take queries as independent, which many
    shots of one photo are not; with groups the interval and p are those of ``compare_means``, which draws whole groups.

    Args:
        first: (Q,) 1 for each query that the first system got right, 0 for the others, NaN where it does not count.
        second: (Q,) the same of the second; a query has to count for both.
        groups: (Q,) what queries share, such as the photo they are made of.
        seed: of the draws; the same seed, the same numbers.

    Raises:
        InvalidInputError: if the lengths differ or a value is none of these.

    >>> compared = compare_shares([1, 0, 0, 0, 1], [1, 1, 1, 0, 0])
    >>> compared.only_first, compared.only_second, round(compared.difference, 3), round(compared.p, 3)
    (1, 2, 0.2, 0.625)
    """
    ours, theirs = _as_pairs(first, second)
    values = np.concatenate([ours, theirs])
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise InvalidInputError("a query is right (1), wrong (0) or does not count (NaN): compare means otherwise")
    only_first, only_second = int(np.sum(ours > theirs)), int(np.sum(theirs > ours))
    n = int(np.sum(~np.isnan(ours - theirs)))
    difference = (only_second - only_first) / n if n else math.nan
    if groups is not None and n:
        drawn = compare_means(ours, theirs, groups=groups, seed=seed)
        return PairedShares(n, only_first, only_second, difference, drawn.ci95, drawn.p, "bootstrap")
    interval = paired_share_interval(only_first, only_second, n)
    return PairedShares(n, only_first, only_second, difference, interval, mcnemar(only_first, only_second), "mcnemar")


def compare_means(
    first: ArrayLike,
    second: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedMeans:
    """Paired bootstrap of the difference of two means (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993).

    Queries are drawn with what both systems made of them. The interval holds the middle 95 % of the drawn differences.
    For p they are moved to a mean of 0 (their section 16.4): it is the share of draws at least as far from 0 as the
    difference measured, that one counted in, so never below 1 / (resamples + 1).

    Args:
        first: (Q,) one value a query, such as its average precision; NaN where it does not count.
        second: (Q,) the same of the second system; a query has to count for both.
        groups: (Q,) what queries share, such as their item; whole groups are then drawn.
        resamples: how often to draw.
        seed: the same seed, the same numbers.

    Raises:
        InvalidInputError: if the lengths differ or a number is out of range.

    >>> compared = compare_means([0.5, 0.2, 0.9, 0.4], [0.6, 0.3, 1.0, 0.5])
    >>> round(compared.difference, 3), compared.p < 0.01
    (0.1, True)
    >>> compare_means([0.5, 0.2], [0.5, 0.2]).p
    1.0
    """
    ours, theirs = _as_pairs(first, second)
    differences = theirs - ours
    counted = ~np.isnan(differences)
    if not counted.any():
        return PairedMeans(0, math.nan, (math.nan, math.nan), 1.0)
    measured = float(differences[counted].mean())
    drawn = bootstrap_means(differences, groups=groups, resamples=resamples, seed=seed)
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    # Rounding alone must not tell a draw from the measured difference.
    as_far = int(np.sum(np.abs(drawn - measured) >= abs(measured) - 1e-12))
    return PairedMeans(int(counted.sum()), measured, (low, high), (1 + as_far) / (1 + resamples))


def holm(p_values: Sequence[float]) -> list[float]:
    """Probabilities adjusted for having made several tests (Holm, *Scand. J. Statistics* 6, 1979).

    Who compares ten systems with one finds a "significant" difference by luck alone; the probability that any of the
    adjusted values below 0.05 is such luck is at most 0.05. The i-th smallest of m values is multiplied by m − i + 1,
    never falls below the ones before it, and stays at most 1.

    Raises:
        InvalidInputError: if a value is no probability.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise InvalidInputError(f"p values lie between 0 and 1, got {list(p_values)}")
    order = np.argsort(values, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)))
    adjusted = np.empty_like(values)
    adjusted[order] = stepped
    return [float(value) for value in adjusted]


def _as_pairs(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ours, theirs = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if ours.ndim != 1 or ours.shape != theirs.shape:
        raise InvalidInputError(
            f"a paired comparison needs one value a query of both systems, got {ours.shape} and {theirs.shape}"
        )
    return ours, theirs


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
