"""Bodies of answers, as the API's description shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from util.records import Decision, Hit, Metadata, SearchResult, SpaceInfo
from util.rerank.base import HitEvidence

PRIVATE_FIELDS = frozenset({"path"})
"""Of the metadata: they say where files lie on this machine, which no answer tells."""

_UNSEEN = "the photos could not be compared: the hit came as an upload, or its file cannot be read any more"


class ErrorContent(BaseModel):
    """What went wrong."""

    code: str
    message: str
    detail: Any = None


class ErrorBody(BaseModel):
    """The shape of every error."""

    error: ErrorContent


class FailedImage(BaseModel):
    """An image that was left out, and why."""

    name: str
    error: ErrorContent


class FoundImage(BaseModel):
    """One hit."""

    id: str
    item: str | None
    score: float
    metadata: dict[str, Any]

    @classmethod
    def of(cls, hit: Hit) -> FoundImage:
        """The hit as it is told."""
        return cls(id=hit.id, item=hit.item, score=round(hit.score, 6), metadata=shown(hit.metadata))


class ExplainedImage(FoundImage):
    """One hit, and what a re-ranker saw in it."""

    evidence: dict[str, Any]

    @classmethod
    def explained(cls, hit: Hit, evidence: HitEvidence) -> ExplainedImage:
        """The hit as it is told; why its photo could not be looked at would name files."""
        return cls(**FoundImage.of(hit).model_dump(), evidence=_without_places(evidence.to_json()))


class QueryResult(BaseModel):
    """The hits of one query, best first."""

    query: str
    hits: list[ExplainedImage | FoundImage]

    @classmethod
    def of(cls, query: str, result: SearchResult, evidence: Mapping[str, HitEvidence]) -> QueryResult:
        """A result as it is told."""
        hits = [
            ExplainedImage.explained(hit, evidence[hit.id]) if hit.id in evidence else FoundImage.of(hit)
            for hit in result
        ]
        return cls(query=query, hits=hits)


class SearchAnswer(BaseModel):
    """What a search found."""

    space: str
    results: list[QueryResult]
    failed: list[FailedImage]


class EvidenceAnswer(BaseModel):
    """What a decision rests on."""

    reason: str
    photos: int
    runner_up: str | None
    runner_up_score: float | None
    false_accept_rate: float | None
    hits: list[FoundImage]


class DecisionAnswer(BaseModel):
    """Known, new or unsure, and which item."""

    query: str
    decision: Literal["known", "new", "unsure"]
    item: str | None
    score: float | None
    threshold: float
    evidence: EvidenceAnswer

    @classmethod
    def of(cls, decision: Decision, query: str) -> DecisionAnswer:
        """The decision as it is told."""
        evidence = decision.evidence
        return cls(
            query=query,
            decision=decision.decision,
            item=decision.item,
            score=_rounded(decision.score),
            threshold=round(decision.threshold, 6),
            evidence=EvidenceAnswer(
                reason=evidence.reason,
                photos=evidence.photos,
                runner_up=evidence.runner_up,
                runner_up_score=_rounded(evidence.runner_up_score),
                false_accept_rate=evidence.false_accept_rate,
                hits=[FoundImage.of(hit) for hit in evidence.hits],
            ),
        )


class IdentifyAnswer(BaseModel):
    """Decisions."""

    space: str
    decisions: list[DecisionAnswer]
    failed: list[FailedImage]


class IndexAnswer(BaseModel):
    """What was done with the images of a request; those of ``ids`` are in the space now."""

    space: str
    extractor: str
    indexed: int
    skipped: int
    relabelled: int
    ids: list[str]
    failed: list[FailedImage]


class StoredImage(BaseModel):
    """What a space holds of one image."""

    id: str
    item: str | None
    metadata: dict[str, Any]
    vector: list[float] | None = None


class Deleted(BaseModel):
    """How many images went."""

    deleted: int


class EmbedAnswer(BaseModel):
    """Embeddings in the order of the images, unit rows; ``null`` for one that could not be read."""

    extractor: str
    dimension: int
    fingerprint: str
    embeddings: list[list[float] | str | None]
    failed: list[FailedImage]


class SpaceAnswer(BaseModel):
    """A space."""

    name: str
    count: int
    extractor: str
    recipe: str
    dimension: int
    metric: str
    index: str
    fingerprint: str
    calibrated: bool

    @classmethod
    def of(cls, info: SpaceInfo) -> SpaceAnswer:
        """The space as it is told."""
        return cls(
            name=info.name,
            count=info.count,
            extractor=info.extractor,
            recipe=info.recipe,
            dimension=info.dimension,
            metric=info.metric,
            index=info.index,
            fingerprint=info.fingerprint,
            calibrated="calibration" in info.attributes,
        )


class SpacesAnswer(BaseModel):
    """All spaces, by name."""

    spaces: list[SpaceAnswer]


class ExtractorAnswer(BaseModel):
    """An extractor."""

    name: str
    dimension: int | None
    recipe: str
    weights: str


class ExtractorsAnswer(BaseModel):
    """All extractors."""

    extractors: list[ExtractorAnswer]


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests can be served."""

    store: bool
    extractor: bool


def shown(metadata: Metadata) -> dict[str, Any]:
    """Stored metadata without what is nobody's business."""
    return {name: value for name, value in metadata.items() if name not in PRIVATE_FIELDS}


def _without_places(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Evidence with other words for its problems, also those of the re-rankers of a chain."""
    told = {name: _without_places(value) if isinstance(value, Mapping) else value for name, value in evidence.items()}
    return told | ({"problem": _UNSEEN} if told.get("problem") else {})


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
