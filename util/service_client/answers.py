"""From the service's JSON to the records that the library gives."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from util.records import Decision, Embeddings, Evidence, Hit, SearchResult, SpaceInfo
from util.service_client.images import Failed


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was done with images to index.

    Attributes:
        space: where they went.
        indexed: how many were written because they were new or had changed.
        skipped: how many were there already, unchanged.
        relabelled: of those there already, how many got another item or other metadata.
        ids: of all images given that are in the space now.
        failed: the images left out.
    """

    space: str
    indexed: int
    skipped: int
    relabelled: int
    ids: tuple[str, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave.

    Attributes:
        results: one for each query that could be read, in the order asked.
        failed: the queries that could not.
        evidence: one mapping a query, from the ids of hits that a re-ranker looked at to what it saw, as the service
            tells it; empty mappings without one.
    """

    results: tuple[SearchResult, ...]
    failed: tuple[Failed, ...]
    evidence: tuple[Mapping[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Identified:
    """Decisions, one a query or one in all, and the queries that could not be read."""

    decisions: tuple[Decision, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of images.

    Attributes:
        extractor: what made them.
        fingerprint: of its weights and recipe; embeddings compare only where it is equal.
        positions: which of the images given could be read, N of them.
        vectors: float32 (N, D), unit rows.
        failed: the images that could not be read.
    """

    extractor: str
    fingerprint: str
    positions: tuple[int, ...]
    vectors: Embeddings
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Extractor:
    """An extractor that the service knows.

    Attributes:
        name: as it is asked for.
        dimension: of its embeddings; ``None`` where it cannot be said without loading it.
        recipe: its preprocessing.
        weights: whether they are there: none needed, present, downloaded on first use, or missing.
    """

    name: str
    dimension: int | None
    recipe: str
    weights: str


def indexed(told: Mapping[str, Any]) -> Indexed:
    """The answer to images to index, but for those that were left out."""
    ids = tuple(str(id_) for id_ in told["ids"])
    return Indexed(told["space"], int(told["indexed"]), int(told["skipped"]), int(told["relabelled"]), ids, ())


def embedded(told: Mapping[str, Any]) -> Embedded:
    """The answer to images to embed, but for those that were left out."""
    places, rows = vectors_of(told["embeddings"], told["dimension"])
    return Embedded(told["extractor"], told["fingerprint"], tuple(places), rows, ())


def search_result(told: Mapping[str, Any]) -> SearchResult:
    """One result of ``/search``."""
    hits = [_hit(hit) for hit in told["hits"]]
    return SearchResult(
        told["query"],
        tuple(hit.id for hit in hits),
        np.array([hit.score for hit in hits], dtype=np.float32),
        tuple(hit.metadata for hit in hits),
    )


def decision(told: Mapping[str, Any]) -> Decision:
    """One decision of ``/identify``."""
    evidence = told["evidence"]
    return Decision(
        told["query"],
        told["decision"],
        told["item"],
        told["score"],
        told["threshold"],
        Evidence(
            tuple(_hit(hit) for hit in evidence["hits"]),
            evidence["runner_up"],
            evidence["runner_up_score"],
            evidence["photos"],
            evidence["reason"],
            evidence["false_accept_rate"],
        ),
    )


def space_info(told: Mapping[str, Any]) -> SpaceInfo:
    """One space of ``/v1/spaces``."""
    names = ("name", "extractor", "dimension", "fingerprint", "recipe", "metric", "index", "count")
    return SpaceInfo(**{name: told[name] for name in names})


def extractor(told: Mapping[str, Any]) -> Extractor:
    """One extractor of ``/v1/extractors``."""
    return Extractor(told["name"], told["dimension"], told["recipe"], told["weights"])


def vectors_of(told: Sequence[str | None], dimension: int) -> tuple[list[int], Embeddings]:
    """Places and rows of the embeddings that there are.

    >>> vectors_of([None, "AACAPwAAAAA="], 2)
    ([1], array([[1., 0.]], dtype=float32))
    """
    there = [(place, text) for place, text in enumerate(told) if text is not None]
    data = b"".join(base64.b64decode(text) for _, text in there)
    rows = np.frombuffer(data, dtype="<f4").astype(np.float32).reshape(len(there), dimension)
    return [place for place, _ in there], rows


def failures(told: Sequence[Mapping[str, Any]]) -> list[Failed]:
    """Images that an answer says were left out."""
    return [Failed(one["name"], one["error"]["message"]) for one in told]


def evidence(told: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What a re-ranker saw in the hits of one result of ``/search``, by id."""
    return {hit["id"]: hit["evidence"] for hit in told["hits"] if "evidence" in hit}


def _hit(told: Mapping[str, Any]) -> Hit:
    item = told["item"]
    return Hit(told["id"], told["score"], item, {**told["metadata"], **({} if item is None else {"item": item})})
