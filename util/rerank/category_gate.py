"""Category gate: hits of an improbable category are penalised, and none is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from util.errors import InvalidInputError
from util.rerank._categories import Categories, category_names
from util.rerank._category_evidence import GateEvidence, Source
from util.rerank._evidence import join_evidence
from util.rerank._limits import require_at_least
from util.rerank._ordering import rescored
from util.rerank.base import RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class CategoryGate(ReRanker):
    """Searches in the category that a query probably shows, or is said to show, softly.

    A hit's new score is its score − ``penalty`` · (1 − p), with p the probability that the query is of the hit's
    category, so that the gate loses no hit, however wrong the category is (a filter, ``--where category=milk``, does).
    The category is what the metadata field ``field`` says. An image that has several (a list of tags) counts for each
    in equal parts, and agrees with a query by the sum of their probabilities.

    *Predicted*, p is the vote of the first ``n`` hits that have a category, each with weight exp(cos / ``temperature``)
    (nearest neighbours weighted by distance: Dudani, IEEE Trans. SMC 1976; with this weight Wu, Xiong, Yu and Lin,
    "Unsupervised feature learning via non-parametric instance discrimination", CVPR 2018). *Given*, it is 1 for hits of
    the category ``given`` and 0 for others.

    Hits that have no category are neutral: their p is the weighted mean of those of the voters, so that not saying it
    is neither an advantage nor a fault. A query none of whose hits has a category stays as it is, and so does one whose
    hits are all of the category that it is of. ``penalty=0`` changes nothing. Scores are the earlier ones, less at most
    ``penalty``; they compare within a query only.

    Attributes:
        field: of the metadata, such as ``category`` or ``scene``.
        penalty: of a category that is impossible, on the scale of the scores before.
        n: how many hits vote.
        temperature: above 0; the smaller, the more the most similar hits decide.
        given: the category of all queries; predicted without it.
        oracle: for evaluations only: each query's category is read from its own record, where the record has one. That
            is truth which no user's photo brings, so what it gives is a bound for any way of predicting the category.
    """

    name: ClassVar[str] = "category_gate"

    field: str = "category"
    penalty: float = 0.2
    n: int = 5
    temperature: float = 0.05
    given: str | None = None
    oracle: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, penalty=self.penalty)
        require_at_least(1, n=self.n)
        require_at_least(1e-6, temperature=self.temperature)
        if not self.field or self.given == "":
            raise InvalidInputError(
                f"{self.name} needs the name of a metadata field, and of a category if one is given"
            )
        if self.oracle and self.given is not None:
            raise InvalidInputError(f"{self.name} takes given=CATEGORY or oracle=true, not both")

    @property
    def metadata_fields(self) -> frozenset[str]:
        """The field that says the category."""
        return frozenset([self.field])

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Penalises the hits of each query; see ``ReRanker.__call__``."""
        self._refuse_what_is_missing(queries)
        categories = Categories.read(queries.gallery.metadata, _rows_hit(queries), self.field)
        results, evidence = list(queries.results), list(queries.evidence)
        for number, result in enumerate(queries.results):
            places = categories.places(queries.rows(number))
            if categories.counts[places].any():
                seen = self._look(number, queries, categories, places)
                penalties = np.float32(self.penalty) * (1 - seen.agreement)
                results[number] = rescored(result, result.scores - penalties)
                evidence[number] = join_evidence(queries.evidence[number], seen)
        return queries.replace(results=tuple(results), evidence=tuple(evidence))

    def _look(
        self, number: int, queries: RankedQueries, categories: Categories, places: NDArray[np.intp]
    ) -> GateEvidence:
        known = categories.counts[places] > 0
        voters = places[known][: self.n]
        weights = self._weights(queries.gallery.vectors[categories.rows[voters]] @ queries.vectors[number])
        source, told = self._told(number, queries)
        probabilities = categories.certain(told) if told else categories.probabilities(voters, weights)
        agreement = categories.agreement(places, probabilities)
        agreement[~known] = weights @ agreement[known][: self.n]
        # In float32 a sum of weights is 1 exactly, so that where all agree no score moves by a rounding error.
        rounded = agreement.astype(np.float32)
        best = int(probabilities.argmax())
        likeliest = (", ".join(told), 1.0) if told else (categories.names[best], min(1.0, float(probabilities[best])))
        ids = queries.results[number].ids
        return GateEvidence(self.field, ids, places.astype(np.int32), categories, rounded, likeliest, source)

    def _weights(self, cosines: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(softmax(cosines.astype(np.float64) / self.temperature))

    def _told(self, number: int, queries: RankedQueries) -> tuple[Source, tuple[str, ...]]:
        """The categories that the query is said to be of; none where they are to be predicted."""
        if self.given is not None:
            return "given", (self.given,)
        told = category_names(queries.query_metadata[number].get(self.field)) if self.oracle else ()
        return ("oracle" if told else "predicted"), told

    def _refuse_what_is_missing(self, queries: RankedQueries) -> None:
        if len(queries.gallery) and not queries.gallery.metadata:
            raise InvalidInputError(
                f"the re-ranker {self.name!r} reads the metadata field {self.field!r}: "
                "its gallery has to bring the metadata of the images"
            )
        if self.oracle and len(queries) and not queries.query_metadata:
            raise InvalidInputError(
                f"{self.name}:oracle=true reads each query's {self.field!r} from its own record, which only an "
                "evaluation has: say given=CATEGORY, or leave both out to have it predicted"
            )


def _rows_hit(queries: RankedQueries) -> NDArray[np.intp]:
    """The rows of the gallery that any query found."""
    hit = np.zeros(len(queries.gallery), dtype=bool)
    for number in range(len(queries)):
        hit[queries.rows(number)] = True
    return np.flatnonzero(hit)
