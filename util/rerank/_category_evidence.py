"""Why a category gate let a hit through, or held it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.rerank._categories import Categories
from util.rerank.base import HitEvidence

Source: TypeAlias = Literal["predicted", "given", "oracle"]
"""Predicted from the hits; given by the user; read from the record of the query, which only evaluations can."""


@dataclass(frozen=True, slots=True)
class CategoryEvidence(HitEvidence):
    """How probable it is that the query is of the hit's category.

    Attributes:
        field: of the metadata that says the category.
        categories: of the hit; none where it does not say.
        probability: that the query is of one of them; for a hit that does not say, the mean of those that voted.
        likeliest: the category that the query most probably is of.
        likeliest_probability: how probable that is.
        source: where that is known from.
    """

    field: str
    categories: tuple[str, ...]
    probability: float
    likeliest: str
    likeliest_probability: float
    source: Source

    def to_json(self) -> dict[str, Any]:
        """One object under the name of the gate."""
        gate = {
            "field": self.field,
            "category": ", ".join(self.categories) or None,
            "probability": round(self.probability, 6),
            "likeliest": self.likeliest,
            "likeliest_probability": round(self.likeliest_probability, 6),
            "source": self.source,
        }
        return {"category_gate": gate}


@dataclass(frozen=True, eq=False)
class GateEvidence(Mapping[str, CategoryEvidence]):
    """The evidence of one query's hits, made when it is asked for: whole rankings hold millions of hits.

    Attributes:
        field: of the metadata.
        ids: K hits.
        places: int32 (K,), where theirs are in ``categories``.
        categories: of all hits.
        agreement: float32 (K,), how probable it is that the query is of the category of each hit.
        likeliest: the category that the query most probably is of, and how probable that is.
        source: where that is known from.
    """

    field: str
    ids: tuple[str, ...]
    places: NDArray[np.int32]
    categories: Categories
    agreement: NDArray[np.float32]
    likeliest: tuple[str, float]
    source: Source

    def __getitem__(self, id_: str) -> CategoryEvidence:
        place = self._place[id_]
        named = self.categories.of(int(self.places[place]))
        return CategoryEvidence(self.field, named, float(self.agreement[place]), *self.likeliest, self.source)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {id_: place for place, id_ in enumerate(self.ids)}
