"""The values that travel between the steps: frozen, and checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError

Scalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = Scalar | list[str] | None
Metadata: TypeAlias = Mapping[str, MetadataValue]
Embeddings: TypeAlias = NDArray[np.float32]
"""float32, shape (N, D), rows of Euclidean length 1."""

DecisionKind: TypeAlias = Literal["known", "new", "unsure"]


def _frozen(values: Mapping[str, MetadataValue]) -> Metadata:
    return MappingProxyType(dict(values))


_NOTHING = _frozen({})


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One photo of a data set or an archive, before it is decoded.

    Attributes:
        id: unique name of the image in its space; by default its path relative to the indexed root.
        path: the file; empty for an image that is in no file.
        item: label of the thing the photo shows; ``None`` where nobody has said.
        metadata: further fields to store and to filter by.
        data: the bytes of the image file where they are at hand already; nothing is read from ``path`` then.
    """

    id: str
    path: str
    item: str | None = None
    metadata: Metadata = field(default_factory=dict)
    data: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.id:
            raise InvalidInputError(f"an image id cannot be empty (path {self.path!r}): give each image a name")
        if self.item == "":
            raise InvalidInputError(f"image {self.id!r} has an empty item label: leave it out or name the item")
        if not self.path and self.data is None:
            raise InvalidInputError(f"image {self.id!r} has neither a file nor bytes: give its path or its data")
        object.__setattr__(self, "metadata", _frozen(self.metadata))

    @property
    def name(self) -> str:
        """What messages call the image: its path, or its id where it is in no file."""
        return self.path or self.id


@dataclass(frozen=True, slots=True)
class Hit:
    """One image that a search found.

    Attributes:
        id: the image's id in its space.
        score: cosine similarity in [-1, 1] (or a re-ranker's score); bigger is more similar.
        item: the item it shows, where known.
        metadata: what the store holds about the image, ``item`` included.
    """

    id: str
    score: float
    item: str | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query: distinct ids, best first.

    Attributes:
        query: name of the query (its path or id); empty where it has none.
        ids: K distinct image ids, best first.
        scores: float32, shape (K,), never rising.
        metadata: one mapping an id; empty mappings where the metadata was not asked for.

    >>> found = SearchResult("q.jpg", ("a", "b"), np.array([0.9, 0.4]), ({"item": "milk"}, {}))
    >>> [(hit.id, hit.item) for hit in found.hits]
    [('a', 'milk'), ('b', None)]
    """

    query: str
    ids: tuple[str, ...]
    scores: NDArray[np.float32]
    metadata: tuple[Metadata, ...] = ()

    def __post_init__(self) -> None:
        scores = np.array(self.scores, dtype=np.float32)
        if scores.shape != (len(self.ids),):
            raise InvalidInputError(
                f"query {self.query!r}: {len(self.ids)} ids need as many scores, got shape {scores.shape}"
            )
        if len(set(self.ids)) != len(self.ids):
            raise InvalidInputError(f"query {self.query!r}: an id stands twice among the hits")
        if not np.all(np.isfinite(scores)):
            raise InvalidInputError(f"query {self.query!r}: a score is not a finite number")
        if np.any(np.diff(scores) > 0):
            raise InvalidInputError(f"query {self.query!r}: hits must be ordered by falling score")
        scores.flags.writeable = False
        # One shared empty mapping: full rankings hold millions of hits.
        metadata = tuple(_frozen(row) for row in self.metadata) or (_NOTHING,) * len(self.ids)
        if len(metadata) != len(self.ids):
            raise InvalidInputError(
                f"query {self.query!r}: {len(self.ids)} ids need as many metadata rows, got {len(metadata)}"
            )
        object.__setattr__(self, "ids", tuple(self.ids))
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "metadata", metadata)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The hits one by one, best first."""
        return tuple(self)

    def __iter__(self) -> Iterator[Hit]:
        for id_, score, metadata in zip(self.ids, self.scores.tolist(), self.metadata, strict=True):
            item = metadata.get("item")
            yield Hit(id_, score, item if isinstance(item, str) else None, metadata)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verifier said of one item that an unknown photo may show.

    Attributes:
        item: the item.
        image: id of the item's image that was compared with the photo.
        probability: how probable it is that both show the same item, in [0, 1]; ``None`` if they could not be compared.
        accepted: whether that reaches the verifier's threshold.
        problem: why they could not be compared; empty where they were.
    """

    item: str
    image: str
    probability: float | None
    accepted: bool
    problem: str = ""

    def __post_init__(self) -> None:
        if self.probability is None:
            if self.accepted or not self.problem:
                raise InvalidInputError(f"item {self.item!r} has no probability: it needs a problem, and no acceptance")
        elif not 0 <= self.probability <= 1:
            raise InvalidInputError(f"item {self.item!r}: a probability lies in [0, 1], not {self.probability}")

    @property
    def rejected(self) -> bool:
        """Whether they were compared and found different."""
        return self.probability is not None and not self.accepted


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a decision was taken.

    Attributes:
        hits: the images that spoke for the item, best first.
        runner_up: the next best item, where there is one.
        runner_up_score: its score.
        photos: how many photos of the one unknown item were asked with.
        reason: one sentence for a person.
        false_accept_rate: share of calibration images of *other* items that scored at least as high, i.e. how
            often an unknown item would look this much like a known one; ``None`` without calibration.
        verification: what a verifier said of the likeliest items, by falling score; empty where none was asked.
    """

    hits: tuple[Hit, ...]
    runner_up: str | None
    runner_up_score: float | None
    photos: int
    reason: str
    false_accept_rate: float | None = None
    verification: tuple[Verification, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Known item, new item, or unsure, with what it rests on.

    Attributes:
        query: name of the query.
        decision: ``known``, ``new`` or ``unsure``.
        item: the item found when ``known``, the best guess when ``unsure``, ``None`` when ``new``.
        score: score of the best item; ``None`` when the space is empty.
        threshold: scores from here on are ``known``.
        evidence: the hits behind it.
    """

    query: str
    decision: DecisionKind
    item: str | None
    score: float | None
    threshold: float
    evidence: Evidence

    def __post_init__(self) -> None:
        if self.decision not in ("known", "new", "unsure"):
            raise InvalidInputError(f"a decision is known, new or unsure, not {self.decision!r}")
        if self.decision == "known" and self.item is None:
            raise InvalidInputError(f"query {self.query!r}: a known decision must name its item")
        if self.decision == "new" and self.item is not None:
            raise InvalidInputError(f"query {self.query!r}: a new item cannot have the name {self.item!r}")
        if not math.isfinite(self.threshold):
            raise InvalidInputError(f"query {self.query!r}: the threshold must be a finite number")


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """What a space is: enough to load the extractor that made it.

    Attributes:
        name: name of the space in its store.
        extractor: name of the extractor, as ``load`` takes it.
        dimension: length of its vectors.
        fingerprint: sha256 of the extractor's name, weights and recipe.
        recipe: the extractor's preprocessing recipe, as text.
        metric: always ``cosine`` now; written down so that it never has to be guessed.
        index: search index by name with its options (``hnsw``, ``ivf:lists=1024``) or FAISS factory string
            (``HNSW32``); ``Flat`` and ``flat`` are exact.
        count: number of images in the space.
        attributes: what later steps remember with the space, such as the calibration of its threshold; JSON.
    """

    name: str
    extractor: str
    dimension: int
    fingerprint: str
    recipe: str = ""
    metric: str = "cosine"
    index: str = "Flat"
    count: int = 0
    attributes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or any(c in self.name for c in "/\\\0\n"):
            raise InvalidInputError(f"{self.name!r} cannot name a space: use letters, digits, '-', '_', '.', ':'")
        if self.dimension < 1:
            raise InvalidInputError(f"space {self.name!r}: the dimension must be at least 1, not {self.dimension}")
        if self.metric != "cosine":
            raise InvalidInputError(f"space {self.name!r}: the metric is 'cosine', not {self.metric!r}")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))


def unit_rows(vectors: NDArray[np.floating] | Sequence[Sequence[float]]) -> Embeddings:
    """Rows scaled to Euclidean length 1, as every embedding in NearID is.

    Args:
        vectors: (N, D) numbers. A row of zeros stays zero: it is similar to nothing.

    Returns:
        float32 (N, D), a new C-contiguous array.

    Raises:
        InvalidInputError: if the input is not two-dimensional or holds NaN or infinity.

    >>> unit_rows([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    rows = np.array(vectors, dtype=np.float64 if not isinstance(vectors, np.ndarray) else vectors.dtype)
    if rows.ndim != 2:
        raise InvalidInputError(f"embeddings must have shape (N, D), got {rows.shape}")
    if not np.all(np.isfinite(rows)):
        raise InvalidInputError("embeddings hold NaN or infinity: check the extractor's weights and its input")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), dtype=np.float32)
