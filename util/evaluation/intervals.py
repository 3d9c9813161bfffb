"""How sure a measured share or mean is: confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from util.errors import InvalidInputError

Interval = tuple[float, float]
"""Lower and upper end."""


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a share (Wilson, *JASA* 22, 1927), which stays honest for few trials and near 0 and 1.

    With p = successes / n and z the normal quantile of the confidence::

        (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)

    Args:
        successes: how many trials succeeded, from 0 to ``n``.
        n: how many trials there were; independent ones, which photos of one item are only roughly.
        confidence: in (0, 1).

    Returns:
        The ends, inside [0, 1]; (0, 1) for no trials, since nothing is known then.

    Raises:
        InvalidInputError: if the counts or the confidence are out of range.

    >>> low, high = wilson_interval(22, 25)
    >>> f"{low:.2f} to {high:.2f}"
    '0.70 to 0.96'
    """
    _check_counts(successes, n, confidence)
    if n == 0:
        return 0.0, 1.0
    z = _normal_quantile(confidence)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return max(0.0, low), min(1.0, high)


def exact_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact binomial interval of a share (Clopper and Pearson, *Biometrika* 26, 1934); never too narrow.

    Args:
        successes: how many trials succeeded, from 0 to ``n``.
        n: how many trials there were.
        confidence: in (0, 1).

    Returns:
        The ends, inside [0, 1]; (0, 1) for no trials.

    Raises:
        InvalidInputError: if the counts or the confidence are out of range.

    >>> low, high = exact_interval(0, 100)
    >>> f"{low:.3f} to {high:.3f}"
    '0.000 to 0.036'
    """
    _check_counts(successes, n, confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def bootstrap_interval(
    values: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a mean (Efron, *Annals of Statistics* 7, 1979).

    Args:
        values: (N,) one value a query; NaN marks a query that does not count.
        groups: (N,) what the queries share, such as their item. Whole groups are then drawn instead of single
            queries: photos of one item resemble each other, and drawing them one by one makes the interval too
            narrow for the question "how would it do on other items".
        resamples: how often to draw.
        confidence: in (0, 1).
        seed: the same seed gives the same interval.

    Returns:
        The ends; (nan, nan) if no query counts. With one value, or values that are all equal, both ends are that
        value: the bootstrap cannot see what it never saw.

    Raises:
        InvalidInputError: if the lengths differ or a number is out of range.

    >>> low, high = bootstrap_interval([0.0, 1.0] * 50)
    >>> f"{low:.2f} to {high:.2f}"
    '0.40 to 0.60'
    """
    _check_confidence(confidence)
    means = bootstrap_means(values, groups=groups, resamples=resamples, seed=seed)
    if means.size == 0:
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_means(
    values: ArrayLike, *, groups: Sequence[object] | None = None, resamples: int = 2000, seed: int = 0
) -> NDArray[np.float64]:
    """The means of which ``bootstrap_interval`` takes the quantiles: float64 (resamples,), empty if no query counts.

    Arguments and errors are its own.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise InvalidInputError(f"a bootstrap needs one value a query, got an array of shape {numbers.shape}")
    if resamples < 1:
        raise InvalidInputError(f"a bootstrap needs at least 1 resample, not {resamples}")
    sums, counts = _per_group(numbers, groups)
    if sums.size == 0:
        return np.zeros(0)
    return _resampled_means(sums, counts, resamples, np.random.default_rng(seed))


def _per_group(
    values: NDArray[np.float64], groups: Sequence[object] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and count of the values of each group, leaving out NaN."""
    counted = ~np.isnan(values)
    if groups is None:
        return values[counted], np.ones(int(counted.sum()), dtype=np.float64)
    if len(groups) != len(values):
        raise InvalidInputError(f"{len(values)} values need as many groups, got {len(groups)}")
    numbering = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([numbering[group] for group in groups], dtype=np.intp)[counted]
    counts = np.bincount(codes)
    sums = np.bincount(codes, weights=values[counted]).astype(np.float64)
    return sums[counts > 0], counts[counts > 0].astype(np.float64)


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    # Blocks of about a million draws keep the memory flat for any number of queries.
    block = max(1, 1_000_000 // sums.size)
    means = [
        sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        for start in range(0, resamples, block)
        for drawn in [random.integers(0, sums.size, size=(min(block, resamples - start), sums.size))]
    ]
    return np.concatenate(means)


def _normal_quantile(confidence: float) -> float:
    return float(ndtri(0.5 + confidence / 2))


def _check_counts(successes: int, n: int, confidence: float) -> None:
    if not 0 <= successes <= n:
        raise InvalidInputError(f"a share needs 0 <= successes <= trials, got {successes} of {n}")
    _check_confidence(confidence)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InvalidInputError(f"a confidence lies between 0 and 1, such as 0.95, not {confidence}")
