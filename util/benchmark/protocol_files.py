"""The protocols that are measured from files alone: ground truth and the answers of any system."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.datasets.copy_pairs import Pair, read_copy_truth, read_pair_scores
from util.datasets.landmarks import Solution, read_recognition_predictions, read_retrieval_predictions, read_solution
from util.datasets.revisited import read_revisited
from util.datasets.triplets import Triplet, read_triplets
from util.errors import DatasetError, InvalidInputError
from util.evaluation.landmarks import global_average_precision, landmark_retrieval_precisions
from util.evaluation.micro_average import micro_average_precision, recall_at_precision
from util.evaluation.protocols import Protocol
from util.evaluation.retrieval import mean_over_queries
from util.evaluation.revisited import measure_revisited
from util.evaluation.triplets import score_at_top_k, similarity_precision

Measure = Callable[[Path, Path, int], dict[str, Any]]


def measure_files(protocol: Protocol, truth: Path, answers: Path, *, k: int | None = None) -> dict[str, Any]:
    """The numbers of a protocol for answers in a file.

    Args:
        protocol: one that has files (``protocols.protocol_named``).
        truth: its ground truth, in the form that ``protocol.truth`` says.
        answers: what a system answered, in the form that ``protocol.answers`` says.
        k: hits that count, for protocols that cut; their own number by default.

    Returns:
        a dictionary that ``json.dumps`` takes; what cannot be measured is ``None``.

    Raises:
        InvalidInputError: if the protocol has no files or no k, or the answers do not fit the ground truth.
        DatasetError: if a file cannot be read or does not have its form.
    """
    if protocol.name not in _MEASURES:
        raise InvalidInputError(f"the protocol {protocol.name!r} is not measured from files: give photos (--queries)")
    if k is not None and protocol.k is None:
        raise InvalidInputError(f"the protocol {protocol.name!r} has no k")
    if k is not None and k < 1:
        raise InvalidInputError(f"k counts hits from 1 on, not {k}")
    return _nan_as_none(_MEASURES[protocol.name](truth, answers, k or protocol.k or 0))


def read_ranks(path: Path) -> NDArray[np.int64]:
    """Rankings of gallery positions: one column a query, best first.

    Args:
        path: ``.npy`` with whole numbers (N, Q), as the protocol has them; or ``.json`` with one list a query, which
            may differ in length (shorter columns are filled up with -1).

    Raises:
        DatasetError: if the file holds no such rankings.
    """
    try:
        if path.suffix.lower() == ".json":
            return _in_columns(json.loads(path.read_text(encoding="utf-8-sig")))
        return _whole_numbers(np.load(path, allow_pickle=False), dimensions=2)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, EOFError, RecursionError) as error:
        raise DatasetError(f"{path}: holds no rankings: give .npy (N, Q) or JSON lists ({error})") from error


def _in_columns(lists: list[list[int]]) -> NDArray[np.int64]:
    ranks = np.full((max(map(len, lists), default=0), len(lists)), -1, dtype=np.int64)
    for number, one in enumerate(lists):
        ranks[: len(one), number] = _whole_numbers(np.array(one), dimensions=1) if one else -1
    return ranks


def _whole_numbers(array: object, *, dimensions: int) -> NDArray[np.int64]:
    if not isinstance(array, np.ndarray) or array.ndim != dimensions or not np.issubdtype(array.dtype, np.integer):
        raise ValueError("they are no whole numbers")
    return np.asarray(array, dtype=np.int64)


def _revisited(truth: Path, answers: Path, k: int) -> dict[str, Any]:
    return measure_revisited(read_ranks(answers), read_revisited(truth).queries).to_json()


def _landmark_retrieval(truth: Path, answers: Path, k: int) -> dict[str, Any]:
    solution = read_solution(truth, "retrieval")
    found = _of_test_images(read_retrieval_predictions(answers), solution)
    precisions = dict(
        zip(solution.right, landmark_retrieval_precisions(solution.right, found, k=k).tolist(), strict=True)
    )
    parts = _parts(solution)
    means = {part: mean_over_queries(np.array([precisions[id_] for id_ in ids])) for part, ids in parts.items()}
    return {"k": k, "n": {part: len(ids) for part, ids in parts.items()}, "map_at_k": means}


def _landmark_recognition(truth: Path, answers: Path, k: int) -> dict[str, Any]:
    solution = read_solution(truth, "recognition")
    answered = _of_test_images(read_recognition_predictions(answers), solution)
    parts = _parts(solution)
    gaps = {
        part: global_average_precision(
            {id_: solution.right[id_] for id_ in ids}, {id_: answered[id_] for id_ in ids if id_ in answered}
        )
        for part, ids in parts.items()
    }
    return {"n": {part: len(ids) for part, ids in parts.items()}, "gap": gaps}


def _copy_detection(truth: Path, answers: Path, k: int) -> dict[str, Any]:
    copies, scores = read_copy_truth(truth), read_pair_scores(answers)
    right = [pair in copies for pair in scores]
    values = list(scores.values())
    recall, threshold = recall_at_precision(values, right, len(copies), 0.9)
    return {
        "copies": len(copies),
        "answers": len(scores),
        "micro_ap": micro_average_precision(values, right, len(copies)),
        "recall_at_precision_90": recall,
        "threshold_at_precision_90": threshold,
    }


def _triplets(truth: Path, answers: Path, k: int) -> dict[str, Any]:
    triplets, scores = read_triplets(truth), read_pair_scores(answers)
    positive, positive_places = _scores_and_places(triplets, scores, "positive")
    negative, negative_places = _scores_and_places(triplets, scores, "negative")
    return {
        "k": k,
        "triplets": len(triplets),
        "similarity_precision": similarity_precision(positive, negative),
        "score_at_top_k": score_at_top_k(positive, negative, positive_places, negative_places, k=k),
    }


def _scores_and_places(
    triplets: Collection[Triplet], scores: Mapping[Pair, float], role: str
) -> tuple[list[float], list[int]]:
    """Score of each triplet's positive (or negative) with its query, and its place among all images of the query."""
    by_query: dict[str, list[float]] = {}
    for (query, reference), score in scores.items():
        if query != reference:  # the query itself stands in nobody's way
            by_query.setdefault(query, []).append(score)
    rising = {query: np.sort(values) for query, values in by_query.items()}
    found, places = [], []
    for triplet in triplets:
        other = getattr(triplet, role)
        if (triplet.query, other) not in scores:
            raise InvalidInputError(f"the answers have no score for {triplet.query} and {other}, which a triplet needs")
        found.append(scores[triplet.query, other])
        row = rising.get(triplet.query, np.zeros(0))
        places.append(max(1, int(row.size - np.searchsorted(row, found[-1], side="left"))))
    return found, places


def _of_test_images(predicted: Mapping[str, Any], solution: Solution) -> dict[str, Any]:
    """Predictions without those for test images that are said not to count."""
    return {id_: answer for id_, answer in predicted.items() if id_ not in solution.ignored}


def _parts(solution: Solution) -> dict[str, list[str]]:
    """Test images of the public and the private part, where there are such, and of both."""
    parts = {"all": list(solution.right)}
    for part in sorted(set(solution.usage.values())):
        parts[part.lower()] = [id_ for id_ in solution.right if solution.usage[id_] == part]
    return parts


def _nan_as_none(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _nan_as_none(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in numbers.items()
    }


_MEASURES: Mapping[str, Measure] = {
    "revisited": _revisited,
    "landmark-retrieval": _landmark_retrieval,
    "landmark-recognition": _landmark_recognition,
    "copy-detection": _copy_detection,
    "triplets": _triplets,
}
