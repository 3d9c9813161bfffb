"""Decide: which item is this, is it a new one, or can nobody say?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from util.errors import InvalidInputError
from util.evaluation.calibration import Calibration
from util.records import Decision, DecisionKind, Evidence, Hit, SearchResult, Verification
from util.search.calibrating import calibration_of, item_of
from util.search.extraction import Extraction, Failure, ImageSource, Progress, no_progress, source_name
from util.search.similar import find_similar
from util.search.verifying import Candidate, Choice, Verify, choose, verify_hits
from util.vector_store.base import VectorStore
from util.vector_store.filters import Where
from util.verification.base import Verifier

_DEPTH = 50  # hits looked at: the runner-up is rarely deeper, and if it is, it is far behind
_EVIDENCE = 5  # hits shown

VERIFIED_ITEMS = 5
"""How many items a verifier is asked about where nobody says: among so many is nearly always the right one."""


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


def identify(  # noqa: PLR0913 - one step of the library: all that a caller may choose, each with a usual value
    queries: Sequence[ImageSource],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    threshold: float | None = None,
    one_item: bool = False,
    where: Where | None = None,
    verifier: Verifier | None = None,
    verify: int = VERIFIED_ITEMS,
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
        verifier: looks at the photos of the likeliest items beside the query, and has a say in the decision;
            ``util.search.verifying`` states the rule. The gallery's files must be where they were indexed.
        verify: how many items it is asked about.
        progress: told after every batch of queries.

    Returns:
        The decisions and the queries that could not be read.

    Raises:
        NotCalibratedError: if there is neither a threshold nor a gallery to learn one from.
        InvalidInputError: if the threshold is outside [-1, 1], or ``verify`` is below 1.
    """
    if verify < 1:
        raise InvalidInputError(f"a verifier is asked about at least 1 item, not {verify}")
    if threshold is not None and not -1 <= threshold <= 1:
        raise InvalidInputError(f"a threshold is a cosine in [-1, 1], not {threshold}")
    calibration = calibration_of(store, store.info(space)) if threshold is None else None
    found = find_similar(
        queries, extraction=extraction, store=store, space=space, k=_DEPTH, where=where, progress=progress
    )
    groups = [found.results] if one_item and found.results else [(result,) for result in found.results]
    photo_of = {source_name(query, position): query for position, query in enumerate(queries)}

    def asking(group: Sequence[SearchResult]) -> Verify | None:
        if verifier is None:
            return None
        photos = [photo_of[result.query] for result in group]
        return partial(verify_hits, photos=photos, verifier=verifier, extraction=extraction)

    decisions = tuple(
        decide(group, threshold=threshold, calibration=calibration, ask=asking(group), verify=verify)
        for group in groups
    )
    return Identified(decisions, found.failed, calibration)


def decide(
    results: Sequence[SearchResult],
    *,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    ask: Verify | None = None,
    verify: int = VERIFIED_ITEMS,
) -> Decision:
    """One decision from the search results of one or more photos of one item.

    An item scores as its best image does; over several photos, as the mean of its best scores, where a photo that
    did not find the item counts with the score of its last hit.

    Args:
        results: one search result a photo, at least one.
        threshold: scores from here on are known; or
        calibration: decides, with a band in which it is unsure.
        ask: asks a verifier about the best hits of items; without it the score decides alone.
        verify: how many items it is asked about.

    Raises:
        InvalidInputError: unless exactly one of threshold and calibration is given, and at least one result.
    """
    if not results:
        raise InvalidInputError("a decision needs the search result of at least one photo")
    if (threshold is None) == (calibration is None):
        raise InvalidInputError("a decision needs either a threshold or a calibration, not both or neither")
    name = ", ".join(result.query for result in results)
    limit = threshold if threshold is not None else calibration.threshold  # type: ignore[union-attr]
    best_hits = _best_hits(results)
    ranked = [
        Candidate(best_hits[item], score, _by_score(score, limit, calibration))
        for item, score in _ranked_items(results)
    ]
    if not ranked:
        evidence = Evidence(
            (), None, None, len(results), "no image to compare with: the space is empty or filtered out"
        )
        return Decision(name, "new", None, None, limit, evidence)
    open_ = [candidate for candidate in ranked if candidate.decision != "new"]
    said = tuple(ask([candidate.hit for candidate in open_[:verify]])) if ask is not None and open_ else ()
    choice = choose(open_[:verify], said, all_asked=len(open_) <= verify) if said else _best(ranked)
    return _decision(name, choice, ranked, results, limit=limit, calibration=calibration, said=said)


def _by_score(score: float, limit: float, calibration: Calibration | None) -> DecisionKind:
    if calibration is not None:
        return calibration.decide(score)
    return "known" if score >= limit else "new"


def _best(ranked: Sequence[Candidate]) -> Choice:
    """The answer by score alone."""
    best = ranked[0]
    if best.decision == "known" and len(ranked) > 1 and ranked[1].score == best.score:
        return Choice(best, "unsure", "two items score the same")
    return Choice(best, best.decision, "known and unknown items both score here" if best.decision == "unsure" else "")


def _decision(
    name: str,
    choice: Choice,
    ranked: Sequence[Candidate],
    results: Sequence[SearchResult],
    *,
    limit: float,
    calibration: Calibration | None,
    said: tuple[Verification, ...],
) -> Decision:
    chosen, kind = choice.candidate, choice.decision
    runner_up = next((candidate for candidate in ranked if candidate is not chosen), None)
    evidence = Evidence(
        hits=_hits_of(chosen.item, results),
        runner_up=runner_up.item if runner_up is not None else None,
        runner_up_score=runner_up.score if runner_up is not None else None,
        photos=len(results),
        reason=_reason(choice, runner_up, limit, calibration),
        false_accept_rate=calibration.false_accept_rate(chosen.score) if calibration is not None else None,
        verification=said,
    )
    return Decision(name, kind, None if kind == "new" else chosen.item, chosen.score, limit, evidence)


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


def _best_hits(results: Iterable[SearchResult]) -> dict[str, Hit]:
    """Each item's best hit over all photos."""
    best: dict[str, Hit] = {}
    for hit in sorted((hit for result in results for hit in result), key=lambda hit: (-hit.score, hit.id)):
        best.setdefault(item_of(hit.id, hit.metadata), hit)
    return best


def _hits_of(item: str, results: Iterable[SearchResult]) -> tuple[Hit, ...]:
    hits = (hit for result in results for hit in result if item_of(hit.id, hit.metadata) == item)
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.score, hit.id)):
        best.setdefault(hit.id, hit)
    return tuple(best.values())[:_EVIDENCE]


def _reason(choice: Choice, runner_up: Candidate | None, limit: float, calibration: Calibration | None) -> str:
    """The decision in one sentence, with the numbers it rests on."""
    item, score = choice.candidate.item, choice.candidate.score
    if choice.candidate.decision == "new" and calibration is not None:
        compared = f"stays below {calibration.lower:.3f}, from which known items score"
    else:
        compared = f"{'reaches' if score >= limit else 'stays below'} the threshold {limit:.3f}"
    overtaken = runner_up is not None and runner_up.score > score
    sentence = f"{'verified' if overtaken else 'best'} match {item!r} scores {score:.3f} and {compared}"
    if runner_up is not None:
        sentence += f"; {'before it' if overtaken else 'next'} is {runner_up.item!r} with {runner_up.score:.3f}"
    if calibration is not None:
        sentence += f"; {_share_of_unknown(calibration, score)} as high"
    return f"{sentence}; {choice.because}" if choice.because else sentence


def _share_of_unknown(calibration: Calibration, score: float) -> str:
    """How many unknown items look this much like a known one, as far as so many trials can tell."""
    rate = calibration.false_accept_rate(score)
    if rate == 0:
        return f"none of {calibration.n_impostors} images of unknown items scored"
    return f"{rate:.1%} of images of unknown items score"
