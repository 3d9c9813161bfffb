"""How an index asked for by name is laid out for a number of rows and a dimension.

Rules of thumb of FAISS's authors (Douze et al., "The Faiss library", 2024; their wiki, "Guidelines to choose an
index"), tried out in ``benchmarks/approximate_search.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from util.errors import InvalidInputError
from util.vector_store.index_names import IndexName

LEAST_ROWS_A_CENTROID = 39
"""FAISS warns below this many training rows a centroid."""

_LISTS = (16, 65_536)
_FEW_NUMBERS = 1 << 23  # a scan of so many takes about as long as a search through an index
_LARGE = 200_000
_QUEUE = 64
_TREES = (10, 50)


@dataclass(frozen=True, slots=True)
class Plan:
    """What FAISS is told to make.

    Attributes:
        factory: factory string.
        construction: length of the queue while a graph is built; ``None`` where there is no graph.
    """

    factory: str
    construction: int | None = None


def faiss_plan(name: IndexName, rows: int, dimension: int) -> Plan:
    """The index of FAISS that a name means for a space of this size.

    Args:
        name: any but ``flat`` and ``annoy``.
        rows: how many there are.
        dimension: of the vectors.

    Raises:
        InvalidInputError: if the options do not go with the dimension.

    >>> from util.vector_store.index_names import read_index_name
    >>> faiss_plan(read_index_name("ivfpq:pca=64"), 100_000, 256)
    Plan(factory='PCAR64,IVF1024,PQ16x4fs', construction=None)
    >>> faiss_plan(read_index_name("auto"), 1_000_000, 512)
    Plan(factory='HNSW24', construction=64)
    """
    prefix, width = _projected(name, dimension)
    match name.kind:
        case "ivf":
            return Plan(f"{prefix}IVF{lists(name, rows)},Flat")
        case "pq":
            padding, codes = _codes(name, width, bits=int(name.options.get("bits", 4)))
            return Plan(f"{prefix}{padding}{codes}")
        case "ivfpq":
            padding, codes = _codes(name, width, bits=int(name.options.get("bits", 4)))
            return Plan(f"{prefix}{padding}IVF{lists(name, rows)},{codes}")
        case "hnswpq":
            padding, codes = _codes(name, width, bits=8)
            links = _links(name, rows)
            return Plan(f"{prefix}{padding}HNSW{links},{codes}", _construction(name, links))
        case "lsh":
            return Plan(f"{prefix}LSH{name.number('bits') or 2 * width}r")
        case _:
            links = _links(name, rows)
            return Plan(f"{prefix}HNSW{links}", _construction(name, links))


def lists(name: IndexName, rows: int) -> int:
    """Inverted lists: about 4·√rows as a power of two, as far as there is enough to learn them from."""
    given = name.number("lists")
    if given is not None:
        return given
    low, high = _LISTS
    enough = max(1, rows // LEAST_ROWS_A_CENTROID)
    wanted = min(max(4 * math.sqrt(rows), low), high)
    exponent = min(round(math.log2(wanted)), int(math.log2(enough)))
    return max(low, 1 << exponent)


def trees(name: IndexName, rows: int) -> int:
    """Trees of ANNOY: more find more, take longer to build and to search."""
    few, many = _TREES
    return name.number("trees") or min(max(few, round(rows / 2000)), many)


def search_queue(rows: int) -> int:
    """Length of the queue in which a search of a graph keeps what it has found: larger graphs need longer ones."""
    return 128 if rows < _LARGE else 320


def least_rows_of(name: IndexName, dimension: int) -> int:
    """From how many rows on ``auto`` takes an index."""
    return _FEW_NUMBERS // dimension if name.kind == "auto" else 0


def _projected(name: IndexName, dimension: int) -> tuple[str, int]:
    """The prefix that turns vectors into shorter or whitened ones, and how many numbers those have."""
    width = name.number("pca")
    whiten = bool(name.options.get("whiten", False))
    if width is None and not whiten:
        return "", dimension
    if width is not None and width > dimension:
        raise InvalidInputError(
            f"the search index {name.kind!r}: pca={width} is more than the {dimension} numbers of a vector: take fewer"
        )
    width = width or dimension
    # A PCA puts most of what varies into the first numbers; turned at random, each code has its share of it.
    codes = name.kind in ("pq", "ivfpq", "hnswpq")
    return f"PCA{'W' if whiten else 'R' if codes else ''}{width},", width


def _codes(name: IndexName, width: int, *, bits: int) -> tuple[str, str]:
    """Product quantisation: four numbers of a vector in four bits, or eight in eight, unless told otherwise.

    Parts have equal lengths, so zeros are appended to vectors that cannot be cut into as many.
    """
    size = name.number("bytes")
    parts = math.ceil(width / bits) if size is None else size * 8 // bits
    if parts > width:
        raise InvalidInputError(
            f"the search index {name.kind!r}: {size} bytes are {parts} codes of {bits} bits, more than the {width} "
            f"numbers of a vector: take at most {width * bits // 8}"
        )
    padded = math.ceil(width / parts) * parts
    padding = f"Pad{padded}," if padded != width else ""
    return padding, f"PQ{parts}x4fs" if bits == 4 else f"PQ{parts}"


def _links(name: IndexName, rows: int) -> int:
    return name.number("m") or (16 if rows < _LARGE else 24)


def _construction(name: IndexName, links: int) -> int:
    return name.number("construction") or max(_QUEUE, links)
