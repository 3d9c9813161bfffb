"""Open-set trials from a ranking: how would each query score if its item were known, and how if it were not?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.evaluation.ranking import UNLABELLED, Ranking

Protocol: TypeAlias = Literal["unknown-queries", "leave-item-out"]
"""Where the scores of unknown items come from: from queries whose item the gallery does not show, or, where there are
none, from every query with its own item left out of its ranking."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetTrials:
    """Scores of queries whose item is in the gallery, and of queries whose item is (as if) not.

    Attributes:
        protocol: where the unknown scores come from.
        known: float64 (N,), for each query with something to find the score of the best image *of its own item*; -inf
            where the ranking was cut before one came.
        known_best: float64 (N,), the score of its best hit, whatever it shows; -inf where nothing was found.
        ranked_first: bool (N,), whether its best hit shows its own item.
        unknown: float64 (M,), for each unknown query the score of the best image of *other* items.
        known_cut: how many known scores are -inf because the ranking was cut.
        unknown_cut: how many unknown scores had to be replaced by that of the last hit, which the true one can at most
            reach, because the ranking was cut before an image of another item came.
    """

    protocol: Protocol
    known: NDArray[np.float64]
    known_best: NDArray[np.float64]
    ranked_first: NDArray[np.bool_]
    unknown: NDArray[np.float64]
    known_cut: int
    unknown_cut: int


def open_set_trials(ranking: Ranking, *, protocol: Protocol | None = None) -> OpenSetTrials:
    """The trials of a ranking.

    Every labelled query with something to find is one *known* trial: a mated search, in the words of biometric
    identification, whose score is that of the right item. Which queries are *unknown* trials depends on the protocol:

    * ``unknown-queries``: those with nothing to find, since the gallery shows no (other) image of their item;
    * ``leave-item-out``: every labelled query, its own item left out, as if the gallery did not show it. Each unknown
      trial then has n − 1 items to be mistaken for, not n, and no further photos are needed.

    Cut rankings can only make the result look worse, never better: a right item that does not appear counts as not
    accepted, and where no other item appears the last score stands for it.

    Args:
        ranking: hits and labels, the query itself already taken out.
        protocol: by default ``unknown-queries`` if there is a labelled query whose item the gallery does not show at
            all, else ``leave-item-out``.
    """
    labelled = ranking.query_items != UNLABELLED
    has_positive = ranking.n_relevant > 0
    if protocol is None:
        protocol = "unknown-queries" if np.any(ranking.query_items[labelled] < 0) else "leave-item-out"
    own = _best(ranking, ranking.relevant)
    other, other_cut = _best_of_others(ranking)
    top = ranking.scores[:, 0].astype(np.float64)
    asked_as_unknown = labelled & ~has_positive if protocol == "unknown-queries" else labelled
    unknown = asked_as_unknown & np.isfinite(other)
    return OpenSetTrials(
        protocol=protocol,
        known=own[has_positive],
        known_best=top[has_positive],
        ranked_first=ranking.relevant[has_positive, 0],
        unknown=other[unknown],
        known_cut=int(np.count_nonzero(np.isneginf(own[has_positive]))),
        unknown_cut=int(np.count_nonzero(other_cut[unknown])),
    )


def _best(ranking: Ranking, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score of the first eligible hit of each query, -inf where there is none."""
    first = eligible.argmax(axis=1)
    scores = np.take_along_axis(ranking.scores, first[:, None], axis=1)[:, 0].astype(np.float64)
    return np.where(eligible.any(axis=1), scores, -np.inf)


def _best_of_others(ranking: Ranking) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Best score with another item, and where it is only an upper bound; -inf where there is no other item at all."""
    best = _best(ranking, ranking.valid & ~ranking.relevant)
    found = ranking.valid.sum(axis=1)
    last = np.take_along_axis(ranking.scores, np.maximum(found - 1, 0)[:, None], axis=1)[:, 0].astype(np.float64)
    cut = np.isneginf(best) & (ranking.n_candidates > ranking.n_relevant) & (found > 0)
    return np.where(cut, last, best), cut
