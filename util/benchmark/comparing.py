"""Compare systems: extractors, recipes, indexes and re-rankers on the same gallery and the same queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from util.benchmark.embedding_once import Embedded, embed_once
from util.benchmark.evaluating import without
from util.errors import InvalidInputError, NearIdError
from util.evaluation.comparison import ComparedSystem, Comparison, Cost, FailedSystem, LeftOut, PerQuery, against_first
from util.evaluation.evaluate import evaluate_ranking
from util.evaluation.judging import judge_first_hits
from util.evaluation.latency import Latency
from util.evaluation.outcomes import Outcome
from util.evaluation.ranking import rank_gallery
from util.evaluation.relevance import RankedRelevance
from util.evaluation.report import Evaluation, SystemValue
from util.evaluation.retrieval import average_precision, found_within
from util.evaluation.robustness import RobustnessCurve, measure_by_strength
from util.image_extract import load
from util.records import ImageRecord, SearchResult, SpaceInfo
from util.rerank import build_reranker
from util.search.calibrating import calibration_of
from util.search.extraction import Extraction, Progress, no_progress
from util.search.reranking import ReRanked, ReRanking, StoredPhotos, rerank, with_gallery
from util.vector_store.base import VectorStore

_RANKED = 20_000_000  # hits held at once: whole rankings up to 1,000 queries × 20,000 images
_SHALLOWEST = 100
_ANSWERED = 50  # hits that a decision looks at


@dataclass(frozen=True, slots=True)
class System:
    """One way to answer: what is compared.

    Attributes:
        extractor: its name, as ``image_extract.load`` takes it.
        recipe: preprocessing in place of the extractor's own.
        index: search index, as ``SpaceInfo.index``; ``Flat`` is exact.
        reranker: a re-ranker or chain, as ``build_reranker`` takes it.
    """

    extractor: str
    recipe: str | None = None
    index: str = "Flat"
    reranker: str | None = None

    @property
    def name(self) -> str:
        """What it is called beside the others: the extractor, and whatever is not as usual.

        >>> System("phash", index="HNSW32", reranker="alpha_qe:n=5").name
        'phash, HNSW32, alpha_qe:n=5'
        >>> System("phash", recipe="square, resize=64").name
        'phash (square, resize=64)'
        """
        seen = self.extractor if self.recipe is None else f"{self.extractor} ({self.recipe})"
        return ", ".join([seen, *([self.index] if self.index != "Flat" else []), *filter(None, [self.reranker])])


LoadExtraction = Callable[[str, str | None], Extraction]
"""From an extractor's name and a recipe (or ``None`` for its own) to the extractor and how images are read."""
LoadReRanking = Callable[[str], ReRanking]
"""From the text of a re-ranker to how results are re-ranked."""


def combine(
    extractors: Iterable[str],
    *,
    recipes: Iterable[str | None] = (None,),
    indexes: Iterable[str] = ("Flat",),
    rerankers: Iterable[str | None] = (None,),
) -> list[System]:
    """Every extractor with every recipe, index and re-ranker; each combination once.

    >>> [system.name for system in combine(["phash", "orb"], rerankers=[None, "alpha_qe"])]
    ['phash', 'phash, alpha_qe', 'orb', 'orb, alpha_qe']
    """
    return list(dict.fromkeys(System(*chosen) for chosen in product(extractors, recipes, indexes, rerankers)))


def _plain_extraction(extractor: str, recipe: str | None) -> Extraction:
    return Extraction(load(extractor, recipe=recipe))


def _plain_reranking(text: str) -> ReRanking:
    return ReRanking(build_reranker(text))


def compare_systems(
    systems: Sequence[System],
    gallery: Sequence[ImageRecord],
    queries: Sequence[ImageRecord],
    *,
    store: VectorStore,
    load_extraction: LoadExtraction = _plain_extraction,
    load_reranking: LoadReRanking = _plain_reranking,
    progress: Progress = no_progress,
) -> Comparison:
    """Asks several systems the same queries of the same gallery and holds each against the first.

    What systems share is computed once: the embeddings of one extractor and recipe serve all indexes and re-rankers. A
    system that cannot be asked, say for want of weights, is listed and the others go on. As in ``evaluate_system``, a
    query is never matched with itself, and what rests on scores that compare between queries stays, for re-ranked
    systems, that of the search.

    Args:
        systems: what to compare; the first one that can be asked is what the others are held against.
        gallery: labelled photos to search in.
        queries: labelled photos to ask about; those of ``datasets.disturbed_set`` also give accuracy by strength.
        store: takes the embeddings, in spaces that no other images are in. One that outlasts the run saves the next
            one the work that is done.
        load_extraction: loads an extractor with a recipe.
        load_reranking: makes a re-ranker.
        progress: told as images are embedded and queries answered.

    Returns:
        The systems in the order given, with numbers, cost and difference from the first.

    Raises:
        InvalidInputError: if there is no system, or one stands twice.
        NearIdError: what stopped the first system, where none could be asked.
    """
    if not systems or len(set(systems)) < len(systems):
        raise InvalidInputError("name at least one system to compare, and each of them once")
    steps = _Steps(progress, _steps(systems, len(gallery), len(queries)))
    asked: dict[System, ComparedSystem] = {}
    failed: dict[System, NearIdError] = {}
    left_out: dict[LeftOut, None] = {}
    for extractor, recipe in dict.fromkeys((system.extractor, system.recipe) for system in systems):
        members = [system for system in systems if (system.extractor, system.recipe) == (extractor, recipe)]
        try:
            extraction = load_extraction(extractor, recipe)
            embedded = embed_once(gallery, queries, extraction=extraction, store=store, progress=steps.part)
        except NearIdError as error:
            failed |= dict.fromkeys(members, error)
            steps.advance(len(members) * len(queries))
            continue
        finally:
            steps.advance(len(gallery) + len(queries))
        left_out |= dict.fromkeys(LeftOut(failure.path, failure.error) for failure in embedded.failed)
        for system in members:
            try:
                asked[system] = _ask(system, embedded, load_reranking)
            except NearIdError as error:
                failed[system] = error
            steps.advance(len(queries))
    if not asked:
        raise next(iter(failed.values()))
    return Comparison(
        systems=against_first([asked[system] for system in systems if system in asked]),
        failed_systems=tuple(
            FailedSystem(system.name, str(failed[system]), failed[system].code)
            for system in systems
            if system in failed
        ),
        left_out=tuple(left_out),
    )


class _Steps:
    """Tells of many pieces of work as of one."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def part(self, done: int, total: int | None) -> None:
        self._progress(self._done + done, self._total)

    def advance(self, steps: int) -> None:
        self._done += steps
        self._progress(self._done, self._total)


def _steps(systems: Sequence[System], gallery: int, queries: int) -> int:
    embedded = len({(system.extractor, system.recipe) for system in systems})
    return embedded * (gallery + queries) + len(systems) * queries


def _ask(system: System, embedded: Embedded, load_reranking: LoadReRanking) -> ComparedSystem:
    reranking = load_reranking(system.reranker) if system.reranker is not None else None
    space = embedded.with_index(system.index)
    if reranking is not None:
        reranking = with_gallery(reranking, embedded.store, space.name)
    found = _search(embedded, space)
    made = _reranked(embedded, space, found, reranking) if reranking is not None else None
    results = found if made is None else made.results
    cost = _cost(embedded, space, reranking, made)
    per_query, outcomes = _each_query(embedded, results)
    return ComparedSystem(
        name=system.name,
        extractor=space.extractor,
        recipe=space.recipe,
        index=space.index,
        reranker=reranking.reranker.describe() if reranking is not None else None,
        evaluation=_evaluate(embedded, space, found, made, cost),
        per_query=per_query,
        outcomes=outcomes,
        robustness=_robustness(embedded, outcomes),
        cost=cost,
    )


def _search(embedded: Embedded, space: SpaceInfo) -> list[SearchResult]:
    """The answers before any re-ranking; a copy of the query must not lead a re-ranker, so copies are taken out."""
    depth = min(space.count, max(_SHALLOWEST, _RANKED // len(embedded.queries)))
    names = [query.id for query in embedded.queries]
    found = embedded.store.search(
        space.name, embedded.vectors, depth, fingerprint=space.fingerprint, queries=names, with_metadata=False
    )
    return [without(result, ids) for result, ids in zip(found, embedded.excluded, strict=True)]


def _reranked(embedded: Embedded, space: SpaceInfo, found: Sequence[SearchResult], reranking: ReRanking) -> ReRanked:
    sources = [embedded.source(place) for place in range(len(embedded.queries))]
    photos = StoredPhotos(sources, embedded.extraction, embedded.store, space.name)
    return rerank(
        found,
        embedded.vectors,
        reranking=reranking,
        store=embedded.store,
        space=space.name,
        photos=photos,
        query_metadata=[query.metadata for query in embedded.queries],
    )


def _evaluate(
    embedded: Embedded, space: SpaceInfo, found: Sequence[SearchResult], made: ReRanked | None, cost: Cost
) -> Evaluation:
    system: dict[str, SystemValue] = {
        "extractor": space.extractor,
        "recipe": space.recipe,
        "dimension": space.dimension,
        "index": space.index,
        "fingerprint": space.fingerprint,
        "gallery images": space.count,
    }
    searched, *ranked = (
        evaluate_ranking(
            results,
            embedded.queries,
            embedded.items,
            gallery_paths=embedded.paths,
            excluded=embedded.excluded,
            calibration=calibration,
            system=system,
        )
        for results, calibration in (
            [(found, calibration_of(embedded.store, embedded.store.info(space.name)))]
            + ([(made.results, None)] if made is not None else [])
        )
    )
    evaluation = ranked[0].with_scores_of(searched) if ranked else searched
    return replace(evaluation, latency=cost.answer)


def _each_query(embedded: Embedded, results: Sequence[SearchResult]) -> tuple[PerQuery, tuple[Outcome, ...]]:
    queries = embedded.queries
    ranking = rank_gallery(results, [one.item for one in queries], embedded.items, excluded=embedded.excluded)
    relevance = RankedRelevance.from_ranking(ranking)
    names = [query.id for query in queries]
    first, precision = (
        dict(zip(names, values.tolist(), strict=True))
        for values in (found_within(relevance, 1), average_precision(relevance))
    )
    sources = {one.id: str(one.metadata.get("source", one.id)) for one in queries if "disturbance" in one.metadata}
    return PerQuery(first, precision, sources), tuple(judge_first_hits(ranking, queries, paths=embedded.paths))


def _robustness(embedded: Embedded, outcomes: Sequence[Outcome]) -> tuple[RobustnessCurve, ...]:
    if not all("disturbance" in query.metadata for query in embedded.queries):
        return ()
    return measure_by_strength(outcomes, {query.id: query.metadata for query in embedded.queries})


def _cost(embedded: Embedded, space: SpaceInfo, reranking: ReRanking | None, made: ReRanked | None) -> Cost:
    """Asks some queries one by one, as a user does; one more warms up."""
    places = embedded.timed
    timings = [_time(embedded, space, reranking, place) for place in [places[0], *places]][1:]
    search, reranked = ([timing[part] for timing in timings] for part in (0, 1))
    return Cost(
        answer=Latency.from_seconds(
            [sum(parts) for parts in zip(embedded.query_seconds, search, reranked, strict=True)]
        ),
        search=Latency.from_seconds(search),
        rerank=Latency.from_seconds(reranked) if made is not None else None,
        gallery_seconds=made.fit_seconds if made is not None else None,
        images_per_second=embedded.images_per_second,
        bytes_per_vector=4 * space.dimension,
    )


def _time(embedded: Embedded, space: SpaceInfo, reranking: ReRanking | None, place: int) -> tuple[float, float]:
    """Seconds that searching and re-ranking take for one query."""
    depth = min(space.count, max(_ANSWERED, reranking.reranker.depth if reranking is not None else 0))
    vector = embedded.vectors[place : place + 1]
    started = time.perf_counter()
    found = embedded.store.search(space.name, vector, depth, fingerprint=space.fingerprint)
    searched = time.perf_counter()
    if reranking is not None:
        photos = StoredPhotos([embedded.source(place)], embedded.extraction, embedded.store, space.name)
        rerank(
            found,
            vector,
            reranking=reranking,
            store=embedded.store,
            space=space.name,
            photos=photos,
            query_metadata=[embedded.queries[place].metadata],
        )
    return searched - started, time.perf_counter() - searched
