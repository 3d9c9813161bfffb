"""The lists of copy detection: pairs of a query and the reference image it was made from, with scores in predictions.

Douze et al., "The 2021 Image Similarity Dataset and Challenge", arXiv:2106.09672: ``query_id,reference_id`` as ground
truth and ``query_id,reference_id,score`` as prediction, with or without that header. The same form serves for the
scores of any pairs of images.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from util.datasets.text_columns import parse_scores, read_text_columns
from util.errors import DatasetError

Pair = tuple[str, str]
"""A query and a reference image."""


def read_copy_truth(path: Path | str) -> frozenset[Pair]:
    """The pairs that are copies; queries without a reference are left out, since nothing is right for them.

    Raises:
        DatasetError: if a column is missing.
    """
    table = read_text_columns(Path(path), ("query_id", "reference_id"))
    pairs = zip(table["query_id"], table["reference_id"], strict=True)
    return frozenset((query, reference) for query, reference in pairs if reference)


def read_pair_scores(path: Path | str) -> dict[Pair, float]:
    """The score of each pair predicted.

    Raises:
        DatasetError: if a column is missing, a score is no finite number, or a pair stands twice.
    """
    source = Path(path)
    table = read_text_columns(source, ("query_id", "reference_id", "score"))
    scores = parse_scores(table["score"], source)
    pairs = list(zip(table["query_id"], table["reference_id"], strict=True))
    by_pair = dict(zip(pairs, scores, strict=True))
    if len(by_pair) != len(pairs):
        ((query, reference), _), *_ = Counter(pairs).most_common(1)
        raise DatasetError(f"{source}: the pair of {query} and {reference} stands twice")
    return by_pair
