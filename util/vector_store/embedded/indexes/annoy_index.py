"""Forests of random projection trees by Spotify's ANNOY, an optional extra.

ANNOY answers from a file of its own only, which it maps into memory, so a built index is two files: the forest, under
a random name that is never used again, and the checked cache file with the keys, which names the forest with its
length and checksum. The forest is written first; a process that dies in between leaves a forest that nothing names,
and the next one to build removes it.

Bernhardsson, "Annoy: Approximate Nearest Neighbors in C++/Python", https://github.com/spotify/annoy.
"""

from __future__ import annotations

import importlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import IndexUnavailableError, InvalidInputError
from util.records import Embeddings
from util.vector_store.embedded.cache_file import CacheUnusableError, CacheWriter
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.indexes.base import LEAST_PROPOSALS, LEAST_ROWS, BuiltIndex, CannotBuildError, IndexKind
from util.vector_store.embedded.indexes.search_parameters import SearchParameters, positive
from util.vector_store.embedded.indexes.sizing import trees
from util.vector_store.embedded.rows import VectorRows
from util.vector_store.index_names import read_index_name

_BLOCK = 4096
_STRIDE = 16 << 20
_SEED = 20_240_501


class AnnoyKind(IndexKind):
    """A forest of ANNOY.

    Args:
        text: ``annoy`` with its options.
        dimension: of the vectors.

    Raises:
        InvalidInputError: if the options cannot be.
    """

    def __init__(self, text: str, dimension: int) -> None:
        super().__init__(text, dimension)
        self._name = read_index_name(text)

    @property
    def least_rows(self) -> int:
        """It learns nothing, so only a scan sets the limit."""
        return LEAST_ROWS

    @property
    def proposals(self) -> int:
        """As many as elsewhere: leaves hold whole vectors."""
        return self._name.number("proposals") or LEAST_PROPOSALS

    def check(self, parameters: SearchParameters) -> None:
        """Refuses parameters other than ``search_k``."""
        _annoy()
        _search_k(parameters)

    def build(self, rows: VectorRows) -> AnnoyIndex:
        """Trees over the rows that are alive, from a fixed seed, with as many threads as there are processors."""
        try:
            forest = _annoy().AnnoyIndex(self.dimension, "angular")
        except IndexUnavailableError as error:
            raise CannotBuildError(str(error)) from error
        forest.set_seed(_SEED)
        for start in range(0, rows.count, _BLOCK):
            for number, vector in enumerate(rows.take(rows.alive[start : start + _BLOCK]).tolist(), start):
                forest.add_item(number, vector)
        forest.build(trees(self._name, rows.count))
        return AnnoyIndex(forest, rows.keys[rows.alive], rows.count, search_k=self._name.number("search"))

    def read(self, path: Path) -> tuple[AnnoyIndex, Mapping[str, object]]:
        """Maps the forest that the cache file names, after checking every byte of it."""
        cache = self.opened(path)
        forest_file = path.with_name(str(cache.header["forest"]))
        try:
            if cache.header["dimension"] != self.dimension or _measured(forest_file) != cache.header["measured"]:
                raise CacheUnusableError(f"{forest_file}: cut off or changed")
            forest = _annoy().AnnoyIndex(self.dimension, "angular")
            forest.load(str(forest_file))
        except (IndexUnavailableError, OSError) as error:
            raise CacheUnusableError(f"{forest_file}: {error}") from error
        keys = np.array(cache.sections["keys"].view(np.int64))
        if forest.get_n_items() != len(keys):
            raise CacheUnusableError(f"{path}: belongs to something else")
        made_for = int(str(cache.header["made_for"]))
        return AnnoyIndex(forest, keys, made_for, search_k=self._name.number("search")), cache.header


class AnnoyIndex(BuiltIndex):
    """A built forest.

    Args:
        forest: the ``annoy.AnnoyIndex``; its items count the rows.
        keys: of the rows, in the order of the items.
        made_for: how many rows there were when the number of trees was chosen.
        search_k: how many nodes to look at; ``None`` for ANNOY's own choice, trees times proposals.
    """

    def __init__(self, forest: Any, keys: Keys, made_for: int, *, search_k: int | None) -> None:
        super().__init__(keys, made_for)
        self.forest = forest
        self._search_k = self._option = search_k or -1

    def tune(self, parameters: SearchParameters) -> None:
        """Takes ``search_k``."""
        self._search_k = _search_k(parameters) or self._option

    def propose(self, queries: Embeddings, count: int) -> list[Keys]:
        """The items of the leaves that the queries fall into."""
        found = (self.forest.get_nns_by_vector(query, count, self._search_k) for query in queries.tolist())
        return [self.keys[np.array(items, dtype=np.intp)] for items in found]

    def write(self, path: Path, header: Mapping[str, object]) -> None:
        """The forest first, then the file that names it, then away with forests that nothing names any more."""
        path.parent.mkdir(parents=True, exist_ok=True)
        forest_file = path.with_name(f"{path.stem}.annoy-{os.urandom(8).hex()}")
        try:
            self.forest.save(str(forest_file))  # and from here on mapped from there
        except OSError:
            forest_file.unlink(missing_ok=True)
            raise
        with CacheWriter(path) as writer:
            with writer.section("keys"):
                writer.write(self.keys)
            written = {"forest": forest_file.name, "dimension": self.forest.f, "measured": _measured(forest_file)}
            writer.finish({**header, **written})
        remove_forests(path, but=forest_file)


def remove_forests(path: Path, *, but: Path | None = None) -> None:
    """Deletes the forests beside a cache file; those that a process has mapped stay readable to it.

    Args:
        path: the cache file.
        but: one to keep.
    """
    for forest_file in path.parent.glob(f"{path.stem}.annoy-*"):
        if forest_file != but:
            forest_file.unlink(missing_ok=True)


def _measured(path: Path) -> list[int]:
    """Length and CRC-32 of a file.

    Raises:
        OSError: if it cannot be read; another process that wrote a forest of the space may have removed it.
    """
    length = checksum = 0
    with path.open("rb") as file:
        while block := file.read(_STRIDE):
            length, checksum = length + len(block), zlib.crc32(block, checksum)
    return [length, checksum]


def _search_k(parameters: SearchParameters) -> int | None:
    others = parameters.of_library.keys() - {"search_k"}
    if others:
        raise InvalidInputError(
            f"ANNOY does not take the search parameters {', '.join(sorted(others))}: it takes search_k and proposals"
        )
    given = parameters.of_library.get("search_k")
    return None if given is None else positive("search_k", given)


def _annoy() -> Any:
    """ANNOY, which has no types.

    Raises:
        IndexUnavailableError: if it is not installed.
    """
    try:
        return importlib.import_module("annoy")
    except ImportError as error:
        raise IndexUnavailableError(
            "the search index 'annoy' needs a package that is not installed: pip install 'nearid[annoy]'"
        ) from error
