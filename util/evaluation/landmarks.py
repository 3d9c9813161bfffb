"""The two measures of Google Landmarks v2: mAP@100 for retrieval, GAP for recognition (Weyand et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from util.errors import InvalidInputError
from util.evaluation.micro_average import micro_average_precision
from util.evaluation.relevance import RankedRelevance
from util.evaluation.retrieval import PerQuery, average_precision_at_k


def landmark_retrieval_precisions(
    right: Mapping[str, frozenset[str]], found: Mapping[str, Sequence[str]], *, k: int = 100
) -> PerQuery:
    """AP@k of each test image, in the order of ``right``; their mean is mAP@k (``retrieval.mean_over_queries``).

    An image named twice for one query keeps its places, but counts as right only at the first. Test images without a
    prediction have 0; those for which nothing is right are left out (NaN).

    Args:
        right: index images that are right, by test image.
        found: index images found, best first, by test image.
        k: hits that count; 100 in Google Landmarks v2.

    Raises:
        InvalidInputError: if a prediction is for none of the test images, or ``k`` is below 1.

    >>> landmark_retrieval_precisions({"q1": frozenset({"a", "b"}), "q2": frozenset({"c"})}, {"q1": ["a", "x", "b"]})
    array([0.83333333, 0.        ])
    """
    _refuse_strangers(right, found)
    depth = max((min(len(ids), k) for ids in found.values()), default=0)
    relevant = np.zeros((len(right), max(depth, 1)), dtype=np.bool_)
    valid = np.zeros_like(relevant)
    for row, (query, wanted) in enumerate(right.items()):
        hits = found.get(query, ())[:depth]
        first = {id_: place for place, id_ in reversed(list(enumerate(hits)))}
        relevant[row, [place for id_, place in first.items() if id_ in wanted]] = True
        valid[row, : len(hits)] = True
    n_right = np.array([len(wanted) for wanted in right.values()], dtype=np.int64)
    return average_precision_at_k(RankedRelevance(relevant, valid, n_right), k)


def global_average_precision(right: Mapping[str, frozenset[str]], answers: Mapping[str, tuple[str, float]]) -> float:
    """GAP, also called micro-AP: average precision over one answer a test image, all in one list by falling score.

    Answers for images that show no landmark are wrong ones in that list; M, below the line, counts the images that show
    one. Answers of equal score stand in the order of their test images, as the challenge had it.

    Args:
        right: landmarks that are right, by test image; none for images without a landmark.
        answers: landmark and score by test image; test images may be missing.

    Returns:
        in [0, 1]; NaN if no test image shows a landmark.

    Raises:
        InvalidInputError: if an answer is for none of the test images, or a score is not finite.

    >>> right = {"q1": frozenset({"7"}), "q2": frozenset({"8"}), "q3": frozenset()}
    >>> global_average_precision(right, {"q1": ("7", 0.9), "q3": ("7", 0.8), "q2": ("8", 0.5)})
    0.8333333333333333
    """
    _refuse_strangers(right, answers)
    given = [(score, landmark in right[query]) for query, (landmark, score) in sorted(answers.items())]
    n_right = sum(bool(wanted) for wanted in right.values())
    return micro_average_precision([score for score, _ in given], [hit for _, hit in given], n_right, ties="given")


def _refuse_strangers(right: Mapping[str, frozenset[str]], predicted: Mapping[str, object]) -> None:
    strangers = predicted.keys() - right.keys()
    if strangers:
        raise InvalidInputError(f"{min(strangers)!r} is predicted, but is none of the {len(right)} test images")
