"""Decide: which item is this, is it a new one, or can nobody say?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from util.errors import InvalidInputError
from util.evaluation.calibration import Calibration
from util.records import Decision, Evidence, Hit, SearchResult
from util.search.calibrating import calibration_of, item_of
from util.search.extraction import Extraction, Failure, ImageSource, Progress, no_progress
from util.search.similar import find_similar
from util.vector_store.base import VectorStore
from util.vector_store.filters import Where

_DEPTH = 50  # hits looked at: the runner-up is rarely deeper, and if it is, it is far behind
_EVIDENCE = 5  # hits shown


@dataclass(frozen=True, slots=True)
class Identified:
    """What ``identify`` found out.

    Attributes:
        decisions: one a query, or one in all for several photos of one item.
        failed: the queries that could not be read.
        calibration: what the threshold rests on; ``None`` when the caller gave one.
    """

    decisions: tuple[Decision, ...]
    failed: tuple[Failure, ...]
    calibration: Calibration | None


def identify(
    queries: Sequence[ImageSource],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    threshold: float | None = None,
    one_item: bool = False,
    where: Where | None = None,
    progress: Progress = no_progress,
) -> Identified:
    """Says for each query whether it shows a known item, a new one, or that it is unsure.

    Args:
        queries: paths, URLs, bytes or RGB arrays.
        extraction: the extractor of the space and how images are read.
        store: holds the space.
        space: its name.
        threshold: scores from here on are known, below it new; without one the space's calibration decides, which
            is made from its gallery the first time, and knows a band of scores in which it is unsure.
        one_item: all queries are photos of one unknown item; they are answered by one decision.
        where: only images that match this filter can be the answer.
        progress: told after every batch of queries.

    Returns:
        The decisions and the queries that could not be read.

    Raises:
        NotCalibratedError: if there is neither a threshold nor a gallery to learn one from.
        InvalidInputError: if the threshold is outside [-1, 1].
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise InvalidInputError(f"a threshold is a cosine in [-1, 1], not {threshold}")
    calibration = calibration_of(store, store.info(space)) if threshold is None else None
    found = find_similar(
        queries, extraction=extraction, store=store, space=space, k=_DEPTH, where=where, progress=progress
    )
    groups = [found.results] if one_item and found.results else [(result,) for result in found.results]
    decisions = tuple(decide(group, threshold=threshold, calibration=calibration) for group in groups)
    return Identified(decisions, found.failed, calibration)


def decide(
    results: Sequence[SearchResult], *, threshold: float | None = None, calibration: Calibration | None = None
) -> Decision:
    """One decision from the search results of one or more photos of one item.

    An item scores as its best image does; over several photos, as the mean of its best scores, where a photo that
    did not find the item counts with the score of its last hit.

    Args:
        results: one search result a photo, at least one.
        threshold: scores from here on are known; or
        calibration: decides, with a band in which it is unsure.

    Raises:
        InvalidInputError: unless exactly one of threshold and calibration is given, and at least one result.
    """
    if not results:
        raise InvalidInputError("a decision needs the search result of at least one photo")
    if (threshold is None) == (calibration is None):
        raise InvalidInputError("a decision needs either a threshold or a calibration, not both or neither")
    name = ", ".join(result.query for result in results)
    limit = threshold if threshold is not None else calibration.threshold  # type: ignore[union-attr]
    ranked = _ranked_items(results)
    if not ranked:
        evidence = Evidence(
            (), None, None, len(results), "no image to compare with: the space is empty or filtered out"
        )
        return Decision(name, "new", None, None, limit, evidence)
    (item, score), (runner_up, second) = ranked[0], (ranked[1] if len(ranked) > 1 else (None, None))
    kind = calibration.decide(score) if calibration is not None else ("known" if score >= limit else "new")
    if kind == "known" and second == score:
        kind = "unsure"
    accept_rate = calibration.false_accept_rate(score) if calibration is not None else None
    evidence = Evidence(
        hits=_hits_of(item, results),
        runner_up=runner_up,
        runner_up_score=second,
        photos=len(results),
        reason=_reason(kind, (item, score), (runner_up, second), limit, calibration),
        false_accept_rate=accept_rate,
    )
    return Decision(name, kind, None if kind == "new" else item, score, limit, evidence)


def _ranked_items(results: Sequence[SearchResult]) -> list[tuple[str, float]]:
    """Items with their scores, best first; equal scores by name."""
    best = [_best_by_item(result) for result in results]
    floors = [float(result.scores[-1]) if len(result) else -1.0 for result in results]
    items = {item for scores in best for item in scores}
    means = {
        item: sum(scores.get(item, floor) for scores, floor in zip(best, floors, strict=True)) / len(results)
        for item in items
    }
    return sorted(means.items(), key=lambda pair: (-pair[1], pair[0]))


def _best_by_item(result: SearchResult) -> Mapping[str, float]:
    best: dict[str, float] = {}
    for hit in result:
        best.setdefault(item_of(hit.id, hit.metadata), hit.score)
    return best


def _hits_of(item: str, results: Iterable[SearchResult]) -> tuple[Hit, ...]:
    hits = (hit for result in results for hit in result if item_of(hit.id, hit.metadata) == item)
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.score, hit.id)):
        best.setdefault(hit.id, hit)
    return tuple(best.values())[:_EVIDENCE]


def _reason(
    kind: str,
    best: tuple[str, float],
    second: tuple[str | None, float | None],
    limit: float,
    calibration: Calibration | None,
) -> str:
    """The decision in one sentence, with the numbers it rests on."""
    (item, score), (runner_up, runner_up_score) = best, second
    if kind == "new" and calibration is not None:
        compared = f"stays below {calibration.lower:.3f}, from which known items score"
    else:
        compared = f"{'reaches' if score >= limit else 'stays below'} the threshold {limit:.3f}"
    sentence = f"best match {item!r} scores {score:.3f} and {compared}"
    if runner_up is not None:
        sentence += f"; next is {runner_up!r} with {runner_up_score:.3f}"
    if calibration is not None:
        sentence += f"; {_share_of_unknown(calibration, score)} as high"
    if kind == "unsure":
        tied = runner_up_score == score
        sentence += "; two items score the same" if tied else "; known and unknown items both score here"
    return sentence


def _share_of_unknown(calibration: Calibration, score: float) -> str:
    """How many unknown items look this much like a known one, as far as so many trials can tell."""
    rate = calibration.false_accept_rate(score)
    if rate == 0:
        return f"none of {calibration.n_impostors} images of unknown items scored"
    return f"{rate:.1%} of images of unknown items score"
