"""Which index Vearch keeps over the vectors of a space: chosen by expected size, or given."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.vector_store.index_names import SEARCH_PARAMETERS, IndexName, is_name, read_index_name

ATTRIBUTE = "vearch"
"""The attribute of a space that holds options for its making, as the URL of the store may."""

# Up to here per partition a scan is exact, needs no training and is quick enough.
FLAT_UP_TO = 100_000
_EXPECTED = 20_000
_IVF = {"ncentroids": (7, 262_144), "nprobe": (1, 262_144), "training_threshold": (256, 2**31 - 1)}
_PQ = {"nsubvector": (1, 65_536), "nbits_per_idx": (4, 8)}
PARAMETERS: dict[str, dict[str, tuple[int, int]]] = {
    "FLAT": {},
    "HNSW": {"nlinks": (8, 96), "efConstruction": (16, 1024), "efSearch": (1, 65_536)},
    "IVFFLAT": _IVF,
    "IVFPQ": _IVF | _PQ,
    "IVFRABITQ": {**_IVF, "nb_bits": (1, 9), "qb": (0, 8)},
    "GPU_IVFFLAT": _IVF,
    "GPU_IVFPQ": _IVF | _PQ,
}
"""Index types and the least and largest value of each of their parameters."""
SCANNED_WRONGLY = frozenset({"IVFPQ", "GPU_IVFPQ"})
"""Indexes beside which Vearch's scan of all vectors gives wrong answers.

In 3.5.9 the scan takes its metric from memory that is free by then: scores are squared distances and documents come
twice (observed on a running server). So these are asked through their index alone, once it is trained.
"""
_SEARCH = {"HNSW": ("efSearch",)} | {kind: ("nprobe", "recall_num") for kind in PARAMETERS if "IVF" in kind}
# The options of names say the same in fewer letters.
_OTHER_WORDS = {"ef": "efSearch", "probes": "nprobe"}
_LISTS = {"lists": "ncentroids", "probes": "nprobe"}
_NAMED = {
    "hnsw": ("HNSW", {"m": "nlinks", "construction": "efConstruction", "ef": "efSearch"}),
    "ivf": ("IVFFLAT", _LISTS),
    "ivfpq": ("IVFPQ", {**_LISTS, "bytes": "nsubvector"}),
}
_NUMBERS = {"partitions": (1, 16_384), "replicas": (1, 100), "expected": (1, 2**40)}


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How a space is laid out in Vearch.

    Attributes:
        kind: index type in Vearch's words.
        parameters: of the index.
        partitions: parts the images are spread over.
        replicas: copies of each part.
        expected: images expected in a part.
    """

    kind: str
    parameters: Mapping[str, int]
    partitions: int
    replicas: int
    expected: int


def plan_index(space: SpaceInfo, options: Mapping[str, str]) -> IndexPlan:
    """Lays out a new space.

    What counts is the space's ``index`` if it is not ``Flat``, then its attribute ``vearch``, then the options in the
    store's URL; the rest follows from the number of images expected.

    Args:
        space: the space to be made.
        options: ``index``, ``partitions``, ``replicas``, ``expected`` and parameters of the index.

    Raises:
        InvalidInputError: if an option is unknown or out of its range.

    >>> plan_index(SpaceInfo("s", "e", 512, "f"), {"expected": "3000000", "partitions": "2"})
    IndexPlan(kind='HNSW', parameters={}, partitions=2, replicas=1, expected=1500000)
    """
    given: dict[str, object] = dict(options)
    for nearer in (_attribute(space), _from_factory(space.index)):
        if "index" in nearer:  # the parameters so far are another index's
            given = {name: value for name, value in given.items() if name in _NUMBERS}
        given |= nearer
    numbers = {name: _whole(name, given.pop(name), *_NUMBERS[name]) for name in _NUMBERS if name in given}
    partitions = numbers.get("partitions", 1)
    expected = math.ceil(numbers.get("expected", _EXPECTED) / partitions)
    kind = str(given.pop("index", "FLAT" if expected <= FLAT_UP_TO else "HNSW")).upper()
    if kind not in PARAMETERS:
        raise InvalidInputError(f"{kind!r} is no index of Vearch that can be used here: {', '.join(PARAMETERS)}")
    parameters = _parameters(kind, given)
    if "IVF" in kind:
        parameters = _trained(parameters, expected, space.dimension, products=kind.endswith("PQ"))
    return IndexPlan(kind, parameters, partitions, numbers.get("replicas", 1), expected)


def check_options(options: Mapping[str, str]) -> IndexPlan:
    """Lays out some space, of whichever dimension suits the options, to see whether they make sense.

    Raises:
        InvalidInputError: if they do not.
    """
    parts = options.get("nsubvector", "")
    dimension = 2 * max(int(parts), 1) if re.fullmatch(r"\d{1,5}", parts) else 2
    return plan_index(SpaceInfo("any", "any", dimension, "any"), options)


def search_parameters(kind: str, attributes: Mapping[str, object]) -> dict[str, int]:
    """How hard a search is to look, from the attribute ``search_parameters``.

    Raises:
        InvalidInputError: if the index has no such parameter.

    >>> search_parameters("HNSW", {"search_parameters": "efSearch=128"})
    {'efSearch': 128}
    >>> search_parameters("IVFFLAT", {"search_parameters": "probes=64"})
    {'nprobe': 64}
    """
    text = attributes.get(SEARCH_PARAMETERS, "")
    given = (map(str.strip, part.partition("=")[::2]) for part in str(text).split(",") if part.strip())
    settings = {_OTHER_WORDS.get(name, name): value for name, value in given}
    known = _SEARCH.get(kind, ())
    for name in settings:
        if name not in known:
            raise InvalidInputError(
                f"{SEARCH_PARAMETERS}: an index {kind} of Vearch takes {', '.join(known) or 'none'}, not {text!r}"
            )
    return {name: _whole(name, value, 1, 65_536) for name, value in settings.items()}


def _attribute(space: SpaceInfo) -> dict[str, object]:
    given = space.attributes.get(ATTRIBUTE, {})
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"the attribute {ATTRIBUTE!r} of a space maps options to values, not {given!r}")
    return dict(given)


def _from_factory(factory: str) -> dict[str, object]:
    """The index of Vearch that a name or a factory string of FAISS means; ``Flat`` leaves the choice open."""
    if factory == "Flat":
        return {}
    if is_name(factory):
        return _from_name(read_index_name(factory))
    if match := re.fullmatch(r"HNSW(\d+)(,Flat)?", factory):
        return {"index": "HNSW", "nlinks": match[1]}
    if match := re.fullmatch(r"IVF(\d+),Flat", factory):
        return {"index": "IVFFLAT", "ncentroids": match[1]}
    if match := re.fullmatch(r"IVF(\d+),PQ(\d+)(?:x(\d+))?(?:np)?", factory):
        return {"index": "IVFPQ", "ncentroids": match[1], "nsubvector": match[2], "nbits_per_idx": match[3] or "8"}
    raise InvalidInputError(
        f"Vearch has no index {factory!r}: use Flat, HNSW32, 'IVF256,Flat' or 'IVF256,PQ32' (with other numbers)"
    )


def _from_name(name: IndexName) -> dict[str, object]:
    """The index of Vearch that a name means; ``flat`` and ``auto`` leave the choice open."""
    if name.kind in ("flat", "auto"):
        return {}
    if name.kind not in _NAMED:
        raise InvalidInputError(f"Vearch has no index {name.kind!r}: use flat, auto, {', '.join(_NAMED)}")
    kind, words = _NAMED[name.kind]
    for option in name.options:
        if option not in words:
            takes = ", ".join(words)
            raise InvalidInputError(f"Vearch takes no option {option!r} of the index {name.kind!r}: it takes {takes}")
    return {"index": kind, **{words[option]: name.number(option) for option in name.options}}


def _parameters(kind: str, given: Mapping[str, object]) -> dict[str, int]:
    known = PARAMETERS[kind]
    for name in given:
        if name not in known:
            expected = ", ".join([*known, "index", *_NUMBERS])
            raise InvalidInputError(f"an index {kind} of Vearch has no option {name!r}: it takes {expected}")
    return {name: _whole(name, value, *known[name]) for name, value in given.items()}


def _trained(parameters: dict[str, int], expected: int, dimension: int, *, products: bool) -> dict[str, int]:
    """Parameters of an index over inverted lists, where Vearch's defaults assume millions of images."""
    lists = parameters.get("ncentroids", min(max(int(4 * math.sqrt(expected)), 16), 65_536))
    # FAISS's own rule: at least 39 images a centroid to learn from.
    filled = {"ncentroids": lists, "nprobe": min(max(16, lists // 32), lists)}
    filled = {**filled, "training_threshold": max(256, 39 * lists), **parameters}
    if filled["nprobe"] > lists:
        raise InvalidInputError(f"nprobe ({filled['nprobe']}) cannot be above ncentroids ({lists})")
    if filled["training_threshold"] < lists:
        raise InvalidInputError(f"training_threshold ({filled['training_threshold']}) is below ncentroids ({lists})")
    parts = filled.get("nsubvector", dimension // 2)
    if products and (parts < 1 or dimension % parts):
        raise InvalidInputError(f"nsubvector must divide the dimension {dimension}, {parts} does not")
    return {**filled, "nsubvector": parts} if products else filled


def _whole(name: str, value: object, least: int, most: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,15}", text) or not least <= int(text) <= most:
        raise InvalidInputError(f"{name} is a whole number from {least} to {most}, not {value!r}")
    return int(text)
