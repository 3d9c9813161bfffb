"""Evaluate a system's rankings: search results and labels in, one :class:`Evaluation` out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from util.errors import InvalidInputError
from util.evaluation.calibration import Calibration
from util.evaluation.confusion import confusion_matrix, worst_confusions
from util.evaluation.histogram import ScoreHistogram
from util.evaluation.judging import judge_decisions, judge_first_hits
from util.evaluation.latency import Latency
from util.evaluation.open_set_measures import OpenSetMeasures, measure_open_set
from util.evaluation.outcomes import by_score, count_decisions
from util.evaluation.ranking import NOT_IN_GALLERY, UNLABELLED, Ranking, rank_gallery
from util.evaluation.report import Evaluation, Exclusions, Gallery, SystemValue
from util.evaluation.retrieval_measures import measure_retrieval
from util.evaluation.trials import OpenSetTrials, open_set_trials
from util.evaluation.votes import measure_votes
from util.records import Decision, ImageRecord, SearchResult

_LISTED = 1000  # errors held one by one; more than anyone reads, and a bound for the size of the result
_WORST = 20


def evaluate_ranking(
    results: Sequence[SearchResult],
    queries: Sequence[ImageRecord],
    gallery_items: Mapping[str, str | None],
    *,
    gallery_paths: Mapping[str, str] | None = None,
    excluded: Sequence[Collection[str]] | None = None,
    decisions: Sequence[Decision] | None = None,
    calibration: Calibration | None = None,
    seconds: Sequence[float] | None = None,
    system: Mapping[str, SystemValue] | None = None,
) -> Evaluation:
    """Everything that can be said about a system from its search results.

    Args:
        results: Q rankings, of the same order as ``queries``: best of all complete ones; at least 10 images deep.
        queries: Q labelled photos; those without a label are left out and counted.
        gallery_items: label (or ``None``) of every gallery image by id, found or not.
        gallery_paths: files of gallery images by id, for the list of errors.
        excluded: Q collections of gallery ids that must not count: above all the query itself (``own_images``).
        decisions: Q decisions that the system took. Where the queries are in the gallery, they must have been taken
            without them.
        calibration: what the decisions rest on; without ``decisions`` it decides by the score of the first hit.
        seconds: how long each answer took.
        system: what was evaluated, for the report.

    Returns:
        The evaluation. Without decisions and calibration, each query counts as taken for the item of its first hit.

    Raises:
        InvalidInputError: if there is no query or none has a label, the lengths differ, a hit is no image of the
            gallery, or the rankings are too short.

    >>> found = SearchResult("q.jpg", ("a", "b"), np.array([0.9, 0.4]))
    >>> evaluation = evaluate_ranking([found], [ImageRecord("q.jpg", "q.jpg", "milk")], {"a": "cream", "b": "milk"})
    >>> evaluation.retrieval.top1, evaluation.retrieval.map, evaluation.errors[0].item
    (0.0, 0.5, 'cream')
    """
    _check(results, queries, decisions)
    ranking = rank_gallery(results, [query.item for query in queries], gallery_items, excluded=excluded)
    paths = gallery_paths or {}
    first_hits = [one for one in judge_first_hits(ranking, queries, paths=paths) if one.true_item is not None]
    if decisions is not None:
        outcomes = judge_decisions(ranking, queries, decisions, paths=paths)
    else:
        outcomes = judge_first_hits(ranking, queries, calibration=calibration, paths=paths)
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    trials = open_set_trials(ranking)
    decided = decisions is not None or calibration is not None
    return Evaluation(
        retrieval=measure_retrieval(ranking),
        votes=measure_votes(ranking),
        open_set=_open_set(trials, _threshold(decisions, calibration)),
        decisions=count_decisions(outcomes) if decided else None,
        calibration=calibration,
        confusion=confusion_matrix(outcomes),
        confusion_of_first_hits=confusion_matrix(first_hits),
        worst_confusions=worst_confusions(first_hits, _WORST),
        errors=by_score(wrong)[:_LISTED],
        n_errors=len(wrong),
        unsure=by_score(outcome for outcome in outcomes if outcome.decision == "unsure")[:_LISTED],
        best_scores=ScoreHistogram.from_scores(trials.known, trials.unknown),
        pair_scores=_pair_scores(ranking),
        gallery=_gallery(ranking),
        excluded=_exclusions(ranking),
        latency=Latency.from_seconds(seconds) if seconds else None,
        system=system or {},
    )


def _check(
    results: Sequence[SearchResult], queries: Sequence[ImageRecord], decisions: Sequence[Decision] | None
) -> None:
    if not any(query.item is not None for query in queries):
        raise InvalidInputError(
            f"none of the {len(queries)} queries has an item label, so nothing can be right or wrong: "
            "name the items by folder, CSV or meta list"
        )
    if len(results) != len(queries) or (decisions is not None and len(decisions) != len(queries)):
        raise InvalidInputError(
            f"{len(queries)} queries need as many results and decisions, got {len(results)} results"
            + (f" and {len(decisions)} decisions" if decisions is not None else "")
        )


def _threshold(decisions: Sequence[Decision] | None, calibration: Calibration | None) -> float | None:
    if calibration is not None:
        return calibration.threshold
    return decisions[0].threshold if decisions else None


def _open_set(trials: OpenSetTrials, threshold: float | None) -> OpenSetMeasures | None:
    if trials.known.size == 0 or trials.unknown.size == 0:
        return None
    return measure_open_set(trials, threshold=threshold)


def _pair_scores(ranking: Ranking) -> ScoreHistogram | None:
    labelled = ranking.query_items != UNLABELLED
    if not ranking.complete[labelled].all():
        return None
    relevant = ranking.relevant
    return ScoreHistogram.from_scores(
        ranking.scores[relevant], ranking.scores[ranking.valid & ~relevant & labelled[:, None]]
    )


def _gallery(ranking: Ranking) -> Gallery:
    return Gallery(
        images=len(ranking.gallery_ids),
        items=len(ranking.items),
        unlabelled=int(np.count_nonzero(ranking.gallery_items == UNLABELLED)),
        depth=int(ranking.valid.sum(axis=1).max(initial=0)),
        complete=bool(ranking.complete.all()),
    )


def _exclusions(ranking: Ranking) -> Exclusions:
    labelled_images = int(np.count_nonzero(ranking.gallery_items != UNLABELLED))
    return Exclusions(
        unlabelled_queries=int(np.count_nonzero(ranking.query_items == UNLABELLED)),
        unknown_items=int(np.count_nonzero(ranking.query_items == NOT_IN_GALLERY)),
        single_images=int(np.count_nonzero((ranking.query_items >= 0) & (ranking.n_relevant == 0))),
        own_images=int(np.sum(labelled_images - ranking.n_candidates)),
    )
