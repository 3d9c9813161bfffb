"""Open-set measures: do scores tell photos of known items from photos of items never seen before?

Two sets of scores go in. *Known* scores come from queries whose item is in the gallery, *unknown* scores from queries
whose item is not (impostors); ``trials.py`` says how they are made from rankings. A query is accepted as known when its
score is at least the threshold, so for a threshold t::

    FAR(t) = share of unknown scores >= t      (false-accept rate; 1 − FAR is the share of new items called new)
    TAR(t) = share of known scores   >= t      (true-accept rate; its complement is the false-reject rate)

A score that could not be seen because the ranking was cut may be given as -inf among the *known*: it is never accepted.
Empty sets have no rates: every measure here raises for them. Source of the measures: Phillips, Grother and Micheals,
"Evaluation Methods in Face Recognition", in *Handbook of Face Recognition*, 2011; Scheirer et al., "Toward Open Set
Recognition", *TPAMI* 35, 2013, for the setting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """A receiver operating characteristic: what each threshold would accept.

    Attributes:
        far: float64 (T,), false-accept rates, never falling, from 0 to 1.
        tar: float64 (T,), true-accept rates, never falling, from 0 on. They end below 1 only if known scores are -inf.
        thresholds: float64 (T,), falling strictly, from +inf (accept nothing) to the lowest finite score.
    """

    far: Scores
    tar: Scores
    thresholds: Scores

    def thinned(self, points: int = 200) -> Self:
        """At most about ``points`` of the points, exact ones, dense where FAR is small; the ends stay.

        Half of them lie evenly in FAR, half evenly in its logarithm, so the curve can be drawn on either axis.
        """
        if len(self.far) <= points:
            return self
        smallest = self.far[self.far > 0].min()
        wanted = np.concatenate([np.linspace(0, 1, points // 2), np.geomspace(smallest, 1, points // 2)])
        # Of all points with the wanted FAR, the last accepts most known ones: the corner of the step.
        corners = np.searchsorted(self.far, wanted, side="right") - 1
        chosen = np.unique(np.concatenate([[0, len(self.far) - 1], corners]))
        return type(self)(self.far[chosen], self.tar[chosen], self.thresholds[chosen])

    def to_json(self) -> dict[str, list[float]]:
        """FAR and TAR of its points, to six digits.

        >>> Roc(np.array([0, 1 / 3, 1]), np.array([0.0, 1, 1]), np.array([np.inf, 0.5, 0.1])).to_json()
        {'far': [0.0, 0.333333, 1.0], 'tar': [0.0, 1.0, 1.0]}
        """
        return {"far": np.round(self.far, 6).tolist(), "tar": np.round(self.tar, 6).tolist()}


def roc_curve(known_scores: ArrayLike, unknown_scores: ArrayLike) -> Roc:
    """TAR against FAR for every threshold that makes a difference; equal scores are accepted together.

    Args:
        known_scores: (N,) scores of known queries; -inf allowed.
        unknown_scores: (M,) scores of unknown queries.

    Raises:
        InvalidInputError: if one of them is empty or holds NaN or another infinity.

    >>> curve = roc_curve([0.9, 0.5], [0.5, 0.1])
    >>> curve.far.tolist(), curve.tar.tolist(), curve.thresholds.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0], [inf, 0.9, 0.5, 0.1])
    """
    known, unknown = _known(known_scores), _unknown(unknown_scores)
    levels = np.unique(np.concatenate([known[np.isfinite(known)], unknown]))[::-1]
    thresholds = np.concatenate([[np.inf], levels])
    return Roc(_share_reaching(unknown, thresholds), _share_reaching(known, thresholds), thresholds)


def auroc(known_scores: ArrayLike, unknown_scores: ArrayLike) -> float:
    """Probability that a known query scores higher than an unknown one, equal scores counting half.

    The area under the ROC curve, exactly, by counting pairs (Hanley and McNeil, *Radiology* 143, 1982)::

        (number of pairs with known > unknown + ½ number of pairs with known = unknown) / (N·M)

    1 separates perfectly; 0.5 means that both are spread alike.

    Args:
        known_scores: (N,) scores of known queries; -inf allowed.
        unknown_scores: (M,) scores of unknown queries.

    Raises:
        InvalidInputError: if one of them is empty or holds NaN or another infinity.

    >>> auroc([0.9, 0.5], [0.5, 0.1])
    0.875
    """
    known, unknown = _known(known_scores), _unknown(unknown_scores)
    unknown = np.sort(unknown)
    beaten = np.searchsorted(unknown, known, side="left").sum()
    beaten_or_equal = np.searchsorted(unknown, known, side="right").sum()
    return float((beaten + beaten_or_equal) / 2 / (known.size * unknown.size))


def auroc_interval(area: float, n_known: int, n_unknown: int, confidence: float = 0.95) -> Interval:
    """Score interval of an AUROC (Newcombe, *Statistics in Medicine* 25, 2006, method 5).

    The counterpart of Wilson's interval: it does not shrink to a point where the sets separate perfectly. It takes all
    scores as independent. In the leave-item-out protocol each query gives one score of either kind, and the two tend to
    rise together, which makes the interval wider than it need be rather than narrower.

    Args:
        area: the AUROC, in [0, 1].
        n_known: number of known scores.
        n_unknown: number of unknown scores.
        confidence: in (0, 1).

    Raises:
        InvalidInputError: if a number is out of range.

    >>> low, high = auroc_interval(1.0, 50, 50)
    >>> f"{low:.2f} to {high:.2f}"
    '0.96 to 1.00'
    """
    if not 0 <= area <= 1 or min(n_known, n_unknown) < 1 or not 0 < confidence < 1:
        raise InvalidInputError(
            f"an interval needs an AUROC in [0, 1], scores of both kinds and a confidence in (0, 1), "
            f"got {area}, {n_known} and {n_unknown} scores, {confidence}"
        )
    from scipy.optimize import brentq  # here, because it takes most of a second and no decision needs it

    z = float(ndtri(0.5 + confidence / 2))
    extra = (n_known + n_unknown) / 2 - 1

    def excess(candidate: float) -> float:
        variance = candidate * (1 - candidate) / (n_known * n_unknown)
        variance *= 1 + extra * ((1 - candidate) / (2 - candidate) + candidate / (1 + candidate))
        return abs(area - candidate) - z * math.sqrt(variance)

    # Negative at the measured area, not negative at 0 and 1: one root on each side.
    inside = min(max(area, 1e-12), 1 - 1e-12)
    low = 0.0 if area == 0 else float(brentq(excess, 0.0, inside))
    high = 1.0 if area == 1 else float(brentq(excess, inside, 1.0))
    return low, high


def threshold_at_far(unknown_scores: ArrayLike, far: float) -> float:
    """The smallest threshold that accepts at most the share ``far`` of the unknown scores.

    With M scores at most a = ⌊far·M⌋ may be accepted, so the threshold is the next float32 number above the
    (a+1)-highest score. Scores equal to that one are all refused, whatever their number: at ties the measured rate
    stays below ``far``, never above. With far·M < 1 no score may be accepted: the threshold then lies just above the
    highest, and the true rate may well be larger than ``far``, up to about 3/M (``Calibration.far_ci95`` says how far).

    Args:
        unknown_scores: (M,) scores of unknown queries.
        far: in [0, 1).

    Returns:
        The threshold; a float32 number, so that comparing in either precision gives the same answer.

    Raises:
        InvalidInputError: if there is no score, one is not finite, or ``far`` is out of range.

    >>> scores = [0.1, 0.2, 0.3, 0.4]
    >>> f"{threshold_at_far(scores, 0.25):.4f}", f"{threshold_at_far(scores, 0.0):.4f}"
    ('0.3000', '0.4000')
    """
    unknown = _unknown(unknown_scores)
    if not 0 <= far < 1:
        raise InvalidInputError(f"a false-accept rate is a share in [0, 1), such as 0.01, not {far}")
    # The product of a share and a count, such as 0.07 · 100, may come out just below the whole number it means.
    allowed = math.floor(far * unknown.size * (1 + 1e-12))
    first_refused = float(np.partition(unknown, unknown.size - allowed - 1)[unknown.size - allowed - 1])
    return _next_float32(first_refused)


def tar_at_far(known_scores: ArrayLike, unknown_scores: ArrayLike, far: float) -> float:
    """Share of known queries accepted at the smallest threshold that accepts at most ``far`` of the unknown ones.

    The threshold is chosen on the very scores that are measured, as is usual for comparing systems; a threshold for use
    is chosen on other data (``calibration``).

    Raises:
        InvalidInputError: as ``threshold_at_far``, or if there is no known score.

    >>> tar_at_far([0.9, 0.8, 0.4], [0.1, 0.2, 0.3, 0.5], 0.25)
    1.0
    """
    return _reaching(_known(known_scores), threshold_at_far(unknown_scores, far))


def identification_rate_at_far(
    known_scores: ArrayLike, ranked_first: ArrayLike, unknown_scores: ArrayLike, far: float
) -> float:
    """Share of known queries that are accepted *and* whose right item is ranked first, at a given FAR.

    The detection and identification rate (DIR) at rank 1 of Phillips, Grother and Micheals: what a user gets, since an
    accepted query with a wrong item helps nobody. Never above ``tar_at_far``.

    Args:
        known_scores: (N,) scores of known queries.
        ranked_first: bool (N,), whether the right item is first.
        unknown_scores: (M,) scores of unknown queries.
        far: in [0, 1).

    Raises:
        InvalidInputError: as ``tar_at_far``, or if the lengths differ.

    >>> identification_rate_at_far([0.9, 0.8], [True, False], [0.1], 0.0)
    0.5
    """
    known, first = _known(known_scores), np.asarray(ranked_first, dtype=np.bool_)
    if first.shape != known.shape:
        raise InvalidInputError(f"{known.size} known scores need as many flags, got shape {first.shape}")
    return float(np.mean(first & (known >= threshold_at_far(unknown_scores, far))))


def equal_error_rate(known_scores: ArrayLike, unknown_scores: ArrayLike) -> float:
    """The rate at which as many known queries are refused as unknown ones are accepted.

    Between two thresholds the ROC curve is taken as straight, so the answer exists also where no threshold makes the
    two rates equal. 0 separates perfectly, 0.5 is chance, and equal scores throughout give 0.5.

    Raises:
        InvalidInputError: if one of the sets is empty or holds NaN or another infinity.

    >>> equal_error_rate([0.9, 0.5], [0.5, 0.1]), equal_error_rate([0.9, 0.8], [0.2, 0.1])
    (0.25, 0.0)
    """
    curve = roc_curve(known_scores, unknown_scores)
    missed = 1 - curve.tar
    surplus = curve.far - missed  # rises from -1 to at least 0
    after = int(np.argmax(surplus >= 0))
    weight = -surplus[after - 1] / (surplus[after] - surplus[after - 1])
    return float(curve.far[after - 1] + weight * (curve.far[after] - curve.far[after - 1]))


def _reaching(scores: Scores, threshold: float) -> float:
    return float(np.mean(scores >= threshold))


def _share_reaching(scores: Scores, thresholds: Scores) -> Scores:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.asarray((scores.size - below) / scores.size)


def _next_float32(value: float) -> float:
    """The smallest float32 number above a value."""
    rounded = np.float32(value)
    return float(rounded if float(rounded) > value else np.nextafter(rounded, np.float32(np.inf)))


def _known(scores: ArrayLike) -> Scores:
    known = np.asarray(scores, dtype=np.float64)
    if known.ndim != 1 or known.size == 0:
        raise InvalidInputError("open-set measures need scores of known queries, there are none: check the item labels")
    if not np.all(np.isfinite(known) | np.isneginf(known)):
        raise InvalidInputError("a score of a known query is NaN or +inf")
    return known


def _unknown(scores: ArrayLike) -> Scores:
    unknown = np.asarray(scores, dtype=np.float64)
    if unknown.ndim != 1 or unknown.size == 0:
        raise InvalidInputError(
            "open-set measures need scores of unknown queries, there are none: the gallery must show at least two items"
        )
    if not np.all(np.isfinite(unknown)):
        raise InvalidInputError("a score of an unknown query is not a finite number")
    return unknown
