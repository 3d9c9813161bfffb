"""The open-set measures of one evaluation, together with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval
from util.evaluation.open_set import (
    Roc,
    auroc,
    auroc_interval,
    equal_error_rate,
    identification_rate_at_far,
    roc_curve,
    tar_at_far,
    threshold_at_far,
)
from util.evaluation.oscr import oscr_area
from util.evaluation.trials import OpenSetTrials, Protocol

ThresholdSource: TypeAlias = Literal["given", "evaluation"]


@dataclass(frozen=True, slots=True)
class OpenSetMeasures:
    """How well known items are told from new ones.

    Attributes:
        protocol: where the unknown scores come from, see ``trials``.
        n_known: known trials.
        n_unknown: unknown trials.
        auroc: probability that a query scores higher with its own item than an unknown query with any. Random scores
            do not give 0.5 but less, since one item then stands against many.
        auroc_ci95: its interval.
        detection_auroc: the same with the best hit of the known query, right or wrong: known from new, whatever item it
            is then taken for. 0.5 is chance.
        oscr: area under the curve of known queries recognised against unknown ones accepted, see ``oscr``.
        equal_error_rate: where as many known queries are refused as unknown ones are accepted.
        tar_at_far: for each false-accept rate, as text, the share of known queries whose own item reaches the
            threshold.
        dir_at_far: for each, the share whose own item reaches the threshold and is ranked first.
        threshold: the threshold given, or else the one for the first false-accept rate on these very trials.
        threshold_source: which of the two.
        far_at_threshold: share of the unknown trials that reach it: for a given threshold, this is the test of it.
        tar_at_threshold: share of known queries whose own item reaches it.
        dir_at_threshold: share of known queries whose own item reaches it and is ranked first.
        known_cut: known trials whose item did not appear in the (cut) ranking; they count as refused.
        unknown_cut: unknown trials whose score is an upper bound, for the same reason.
        roc: the curve, thinned.
    """

    protocol: Protocol
    n_known: int
    n_unknown: int
    auroc: float
    auroc_ci95: Interval
    detection_auroc: float
    oscr: float
    equal_error_rate: float
    tar_at_far: Mapping[str, float]
    dir_at_far: Mapping[str, float]
    threshold: float
    threshold_source: ThresholdSource
    far_at_threshold: float
    tar_at_threshold: float
    dir_at_threshold: float
    known_cut: int
    unknown_cut: int
    roc: Roc

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the curve as lists of FAR and TAR."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "roc"}
        return plain | {
            "auroc_ci95": list(self.auroc_ci95),
            "tar_at_far": dict(self.tar_at_far),
            "dir_at_far": dict(self.dir_at_far),
            "roc": self.roc.to_json(),
        }


def measure_open_set(
    trials: OpenSetTrials, *, fars: Sequence[float] = (0.01, 0.1), threshold: float | None = None
) -> OpenSetMeasures:
    """All open-set measures of a set of trials.

    Args:
        trials: scores of known and of unknown queries.
        fars: false-accept rates to report at, each in [0, 1).
        threshold: the threshold in use, to be tested; without one, that for the first of ``fars`` is taken.

    Raises:
        InvalidInputError: if there are no known or no unknown trials, or no false-accept rate.
    """
    if not fars:
        raise InvalidInputError("open-set measures need at least one false-accept rate, such as 0.01")
    known, first, unknown = trials.known, trials.ranked_first, trials.unknown
    area = auroc(known, unknown)
    source: ThresholdSource = "evaluation" if threshold is None else "given"
    limit = threshold_at_far(unknown, fars[0]) if threshold is None else threshold
    return OpenSetMeasures(
        protocol=trials.protocol,
        n_known=known.size,
        n_unknown=unknown.size,
        auroc=area,
        auroc_ci95=auroc_interval(area, known.size, unknown.size),
        detection_auroc=auroc(trials.known_best, unknown),
        oscr=oscr_area(known, first, unknown),
        equal_error_rate=equal_error_rate(known, unknown),
        tar_at_far={f"{far:g}": tar_at_far(known, unknown, far) for far in fars},
        dir_at_far={f"{far:g}": identification_rate_at_far(known, first, unknown, far) for far in fars},
        threshold=limit,
        threshold_source=source,
        far_at_threshold=float(np.mean(unknown >= limit)),
        tar_at_threshold=float(np.mean(known >= limit)),
        dir_at_threshold=float(np.mean(first & (known >= limit))),
        known_cut=trials.known_cut,
        unknown_cut=trials.unknown_cut,
        roc=roc_curve(known, unknown).thinned(),
    )
