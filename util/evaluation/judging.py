"""Hold the answers of a system against the truth: one outcome a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from util.evaluation.calibration import Calibration
from util.evaluation.outcomes import Outcome
from util.evaluation.ranking import Ranking
from util.records import Decision, DecisionKind, ImageRecord

Answer = tuple[DecisionKind, str | None, float | None, str | None, str | None]
"""Decision, its item, score, best hit and the item that this shows."""


def judge_decisions(
    ranking: Ranking, queries: Sequence[ImageRecord], decisions: Sequence[Decision], *, paths: Mapping[str, str]
) -> list[Outcome]:
    """Outcomes of decisions that the system took.

    Args:
        ranking: Q rankings, to say what would have been right.
        queries: Q photos; the unlabelled ones have no outcome.
        decisions: Q decisions.
        paths: files of gallery images by id, as far as known.
    """
    answers = [_given(decision) for decision in decisions]
    return _judge(ranking, queries, answers, paths)


def judge_first_hits(
    ranking: Ranking,
    queries: Sequence[ImageRecord],
    *,
    calibration: Calibration | None = None,
    paths: Mapping[str, str],
) -> list[Outcome]:
    """Outcomes if every query is taken for the item of its first hit, as far as the calibration lets it.

    Without a hit the answer is ``new``. Without a calibration every other one is ``known``; with one, a query whose
    highest score two items share is ``unsure``, since nothing speaks for the one that stands first.

    Args:
        ranking: Q rankings.
        queries: Q photos; the unlabelled ones have no outcome.
        calibration: says known, new or unsure by the score of the first hit.
        paths: files of gallery images by id, as far as known.
    """
    answers = [_by_first_hit(ranking, row, calibration) for row in range(len(queries))]
    return _judge(ranking, queries, answers, paths)


def _judge(
    ranking: Ranking, queries: Sequence[ImageRecord], answers: Sequence[Answer], paths: Mapping[str, str]
) -> list[Outcome]:
    relevant = ranking.relevant
    first_right = np.where(relevant.any(axis=1), relevant.argmax(axis=1), -1).tolist()
    return [
        _outcome(ranking, row, query, answers[row], first_right[row], paths)
        for row, query in enumerate(queries)
        if query.item is not None
    ]


def _outcome(
    ranking: Ranking, row: int, query: ImageRecord, answer: Answer, right: int, paths: Mapping[str, str]
) -> Outcome:
    decision, item, score, hit, hit_item = answer
    right_hit = ranking.id_at(row, right) if right >= 0 else None
    return Outcome(
        query=query.id,
        true_item=query.item if ranking.n_relevant[row] > 0 else None,
        decision=decision,
        item=item,
        score=score,
        hit=hit,
        hit_item=hit_item,
        label=query.item,
        right_hit=right_hit,
        right_score=float(ranking.scores[row, right]) if right_hit is not None else None,
        right_place=right + 1 if right_hit is not None else None,
        query_path=query.path,
        hit_path=paths.get(hit) if hit is not None else None,
        right_path=paths.get(right_hit) if right_hit is not None else None,
    )


def _given(decision: Decision) -> Answer:
    best = next(iter(decision.evidence.hits), None)
    hit, hit_item = (best.id, best.item) if best else (None, None)
    return decision.decision, decision.item, decision.score, hit, hit_item


def _by_first_hit(ranking: Ranking, row: int, calibration: Calibration | None) -> Answer:
    if ranking.hits[row, 0] < 0:
        return "new", None, None, None, None
    score = float(ranking.scores[row, 0])
    decision: DecisionKind = calibration.decide(score) if calibration else "known"
    if calibration and decision == "known" and _shared_by_items(ranking, row):
        decision = "unsure"
    hit_item = ranking.item_at(row, 0)
    return decision, None if decision == "new" else hit_item, score, ranking.id_at(row, 0), hit_item


def _shared_by_items(ranking: Ranking, row: int) -> bool:
    """Whether images of two items share the highest score."""
    sharing = ranking.hits[row, ranking.scores[row] == ranking.scores[row, 0]]
    return bool(np.unique(ranking.gallery_items[sharing]).size > 1)
