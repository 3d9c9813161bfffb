"""Calibration: from scores with known truth to the threshold by which items are called known, new or unsure.

The threshold follows from a false-accept rate that the user states: how many of a hundred photos of *unknown* items may
be taken for known ones. Below it lies a band in which the answer is *unsure*, because photos of known items score there
too. This is open-set identification as Scheirer et al. state it ("Toward Open Set Recognition", *TPAMI* 35, 2013), with
the operating point chosen as in biometric identification (Phillips, Grother and Micheals, in *Handbook of Face
Recognition*, 2011).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval, exact_interval
from util.evaluation.open_set import auroc, threshold_at_far
from util.records import DecisionKind

_CURVE_POINTS = 128


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, what it rests on and what to expect of it.

    Attributes:
        threshold: scores from here on are ``known``.
        lower: scores from here up to the threshold are ``unsure``, lower ones ``new``; never above ``threshold``.
        far: the false-accept rate asked for.
        miss_rate: share of known queries that may lie below ``lower``.
        measured_far: share of the impostors that reach the threshold; never above ``far``.
        far_ci95: between which rates the true one lies (exact binomial interval). With few impostors it is wide: none
            of 30 accepted still allows for a rate of 12 %.
        expected_tar: share of known queries that reach the threshold; ``None`` without known queries.
        n_known: known queries calibrated on.
        n_impostors: impostors calibrated on.
        auroc: how well the two separate; ``None`` without known queries.
        false_accept_curve: pairs of a score and the share of impostors that reach it, by rising score, from the lowest
            impostor (share 1) to the highest. Of more than 128 different scores some are left out, few where the share
            is small; the next higher pair then answers for them, with their share rounded up.
    """

    threshold: float
    lower: float
    far: float
    miss_rate: float
    measured_far: float
    far_ci95: Interval
    expected_tar: float | None
    n_known: int
    n_impostors: int
    auroc: float | None
    false_accept_curve: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and math.isfinite(self.lower) and self.lower <= self.threshold):
            raise InvalidInputError(
                f"a calibration needs finite lower <= threshold, got {self.lower} and {self.threshold}"
            )
        curve = self.false_accept_curve
        rises = all(low[0] < high[0] and low[1] >= high[1] for low, high in pairwise(curve))
        if not curve or not rises or not all(0 < share <= 1 for _, share in curve):
            raise InvalidInputError("a calibration's false-accept curve has rising scores and falling shares in (0, 1]")

    @property
    def resolves_far(self) -> bool:
        """Whether there were enough impostors to see the false-accept rate at all: at least one may be accepted."""
        return self.far * self.n_impostors >= 1

    def decide(self, score: float) -> DecisionKind:
        """What a best score means.

        Raises:
            InvalidInputError: if the score is NaN.

        >>> calibration = calibrate([0.4, 0.9], [0.1, 0.5], far=0.0)
        >>> [calibration.decide(score) for score in (0.3, 0.45, 0.9)]
        ['new', 'unsure', 'known']
        """
        if math.isnan(score):
            raise InvalidInputError("a score of NaN cannot be decided on: check the embeddings")
        if score >= self.threshold:
            return "known"
        return "unsure" if score >= self.lower else "new"

    def false_accept_rate(self, score: float) -> float:
        """Share of the impostors that score at least this high; never understated where the curve was thinned.

        0 above the highest impostor, which means fewer than 1 in ``n_impostors``, not never.

        Raises:
            InvalidInputError: if the score is NaN.

        >>> calibration = calibrate([0.9], [0.1, 0.2, 0.3, 0.4])
        >>> [calibration.false_accept_rate(score) for score in (0.0, 0.2, 0.35, 0.5)]
        [1.0, 0.75, 0.25, 0.0]
        """
        if math.isnan(score):
            raise InvalidInputError("a score of NaN has no false-accept rate: check the embeddings")
        above = bisect_left(self.false_accept_curve, score, key=lambda point: point[0])
        return self.false_accept_curve[above][1] if above < len(self.false_accept_curve) else 0.0

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary of JSON values, to be kept with the space."""
        return asdict(self) | {
            "far_ci95": list(self.far_ci95),
            "false_accept_curve": [list(point) for point in self.false_accept_curve],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The calibration that ``to_json`` wrote.

        Raises:
            InvalidInputError: if a field is missing, unknown or not what it should be.

        >>> calibration = calibrate([0.4, 0.9], [0.1, 0.5])
        >>> Calibration.from_json(calibration.to_json()) == calibration
        True
        """
        expected = {field.name for field in fields(cls)}
        if not isinstance(stored, Mapping) or set(stored) != expected:
            given = sorted(stored) if isinstance(stored, Mapping) else type(stored).__name__
            raise InvalidInputError(f"not a calibration: expected {sorted(expected)}, got {given}; calibrate again")
        try:
            low, high = stored["far_ci95"]
            curve = tuple((float(score), float(share)) for score, share in stored["false_accept_curve"])
            return cls(**dict(stored) | {"far_ci95": (float(low), float(high)), "false_accept_curve": curve})
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"not a calibration: {error}; calibrate again") from error


def calibrate(
    known_scores: ArrayLike, impostor_scores: ArrayLike, *, far: float = 0.01, miss_rate: float = 0.01
) -> Calibration:
    """Chooses the threshold for a false-accept rate, and the band below it in which the answer is unsure.

    With T the smallest threshold that at most ``far`` of the impostors reach (``threshold_at_far``) and L the largest
    score that at most ``miss_rate`` of the known queries stay below:

    * L < T, the usual case: both kinds score between L and T. The threshold is T, and scores in [L, T) are *unsure*:
      calling them new would lose more than ``miss_rate`` of the known items, calling them known would let in more than
      ``far`` of the unknown ones.
    * L >= T: the two kinds do not meet, every threshold from T to L keeps both promises, and the middle keeps the
      largest distance to both. There is no band.
    * no known queries (every item has a single image): T, and no band, since nothing is known about where known items
      score.

    On the scores given, the share of impostors accepted is therefore never above ``far``, and the share of known
    queries called new never above ``miss_rate``. Scores that are all equal leave everything unsure.

    Args:
        known_scores: (N,) best score of each known query with its own item.
        impostor_scores: (M,) best score of each query with the items it does *not* show.
        far: in [0, 1).
        miss_rate: in [0, 1).

    Raises:
        InvalidInputError: if there are no impostors, a score is not finite, or a rate is out of range.

    >>> calibration = calibrate([0.8, 0.9], [0.1, 0.2], far=0.0)
    >>> f"{calibration.threshold:.2f}", calibration.lower == calibration.threshold
    ('0.50', True)
    """
    known = _finite(known_scores, "known queries")
    impostors = _finite(impostor_scores, "impostors")
    if not 0 <= miss_rate < 1:
        raise InvalidInputError(f"a miss rate is a share in [0, 1), such as 0.01, not {miss_rate}")
    threshold = threshold_at_far(impostors, far)
    lower = threshold if known.size == 0 else _score_missing(known, miss_rate)
    if lower >= threshold:
        threshold = lower = float(np.float32((threshold + lower) / 2))
    accepted = int(np.count_nonzero(impostors >= threshold))
    return Calibration(
        threshold=threshold,
        lower=lower,
        far=far,
        miss_rate=miss_rate,
        measured_far=accepted / impostors.size,
        far_ci95=exact_interval(accepted, impostors.size),
        expected_tar=float(np.mean(known >= threshold)) if known.size else None,
        n_known=known.size,
        n_impostors=impostors.size,
        auroc=auroc(known, impostors) if known.size else None,
        false_accept_curve=_false_accept_curve(impostors),
    )


def _score_missing(known: NDArray[np.float64], miss_rate: float) -> float:
    """The largest float32 number that at most the share ``miss_rate`` of the known scores stay below."""
    allowed = math.floor(miss_rate * known.size * (1 + 1e-12))
    score = float(np.partition(known, allowed)[allowed])
    rounded = np.float32(score)
    return float(rounded if float(rounded) <= score else np.nextafter(rounded, np.float32(-np.inf)))


def _false_accept_curve(impostors: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Pairs of a score and the share of impostors above the next lower pair's score, by rising score.

    That share holds for every score between the two, so that a score that was thinned out is answered with at least its
    own share.
    """
    scores, counts = np.unique(impostors, return_counts=True)
    reaching = np.cumsum(counts[::-1])[::-1]  # how many impostors score at least so high
    if scores.size > _CURVE_POINTS:
        wanted = np.geomspace(1, impostors.size, _CURVE_POINTS)
        kept = np.unique(scores.size - 1 - np.searchsorted(reaching[::-1], wanted - 0.5))
        above_previous = reaching[np.concatenate([[0], kept[:-1] + 1])]
        scores, reaching = scores[kept], above_previous
    return tuple(zip(scores.tolist(), (reaching / impostors.size).tolist(), strict=True))


def _finite(scores: ArrayLike, whose: str) -> NDArray[np.float64]:
    numbers = np.asarray(scores, dtype=np.float64)
    if numbers.ndim != 1 or not np.all(np.isfinite(numbers)):
        raise InvalidInputError(f"the scores of {whose} must be a row of finite numbers")
    return numbers
