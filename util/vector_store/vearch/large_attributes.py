"""Attributes of spaces that are too large for the catalogue's one document a space: kept in pieces beside it.

A document of Vearch holds little more than 250 KB of text, and the matrix of a projection is several times that. The
entry of a space then says of such an attribute only what sha256 its JSON has and in how many pieces it is kept; the
pieces are documents named ``SPACE/SHA256/NUMBER``, which no space can be called. They are written before the entry
that speaks of them and never changed, so that readers find the former value or the new one, and fetch neither twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from util.errors import StoreError
from util.vector_store.vearch.client import VearchClient
from util.vector_store.vearch.documents import content_of, encode
from util.vector_store.vearch.remote_space import RemoteSpace
from util.vector_store.vearch.schema import TEXTS
from util.vector_store.vearch.writing import write

LARGE = 32_768
"""Characters of JSON from which an attribute is kept in pieces."""

_PIECE = 120_000  # characters: even if every one has to be escaped, a document has room for them
_AT_ONCE = 16  # pieces a request
_TERM = "piece"  # not the word that all entries of the catalogue are listed by
_NO_VECTOR = np.ones(1, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the entry of a space keeps of a large attribute.

    Attributes:
        sha256: of its JSON, as hexadecimal digits.
        pieces: in how many it is kept.
    """

    sha256: str
    pieces: int

    def ids(self, space: str) -> list[str]:
        """The documents that hold the pieces."""
        return [f"{space}/{self.sha256}/{number}" for number in range(self.pieces)]


class LargeAttributes:
    """Large attributes of the spaces in a catalogue.

    Args:
        space: that holds the catalogue.
        client: the way to it.
    """

    def __init__(self, space: RemoteSpace, client: VearchClient) -> None:
        self._space, self._client = space, client
        self._values = lru_cache(maxsize=8)(self._fetch)

    def keep(self, name: str, attributes: Mapping[str, object]) -> dict[str, Reference]:
        """Writes those of a space's attributes that are large, and says where they are."""
        kept: dict[str, Reference] = {}
        for attribute, value in attributes.items():
            text = json.dumps(value)
            if len(text) < LARGE:
                continue
            parts = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
            reference = Reference(hashlib.sha256(text.encode()).hexdigest(), len(parts))
            documents = [
                encode(id_, _NO_VECTOR, {"piece": part}, [_TERM])
                for id_, part in zip(reference.ids(name), parts, strict=True)
            ]
            write(self._space, documents, patience=self._client.timeout)
            kept[attribute] = reference
        return kept

    def value(self, name: str, reference: Reference) -> Any:
        """An attribute of a space.

        Raises:
            StoreError: if a piece is gone or damaged.
        """
        return self._values(name, reference)

    def remove(self, name: str, references: Iterable[Reference]) -> None:
        """Deletes the pieces of attributes that a space has no longer."""
        ids = [id_ for reference in references for id_ in reference.ids(name)]
        for start in range(0, len(ids), _AT_ONCE):
            self._space.delete_ids(ids[start : start + _AT_ONCE])

    def _fetch(self, name: str, reference: Reference) -> Any:
        ids = reference.ids(name)
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), _AT_ONCE):
            found |= self._space.of_ids(ids[start : start + _AT_ONCE], fields=TEXTS)
        text = "".join(str(content_of(found[id_]).get("piece")) for id_ in ids if id_ in found)
        if hashlib.sha256(text.encode()).hexdigest() != reference.sha256:
            raise StoreError(
                f"an attribute of the space {name!r} is damaged in Vearch: {len(found)} of its {len(ids)} pieces are "
                "there, or not as they were written; drop the space and make it again"
            )
        return json.loads(text)
