"""Losses on embeddings by name: those of pytorch-metric-learning, cross-entropy, and second-order similarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from pytorch_metric_learning import losses as library  # type: ignore[import-untyped]
from torch import nn

from util.errors import InvalidInputError
from util.metric_learning.cross_entropy import LinearCrossEntropy
from util.metric_learning.embedding_loss import ClassificationLoss, EmbeddingLoss, LibraryLoss
from util.metric_learning.second_order_similarity import SecondOrderSimilarityLoss
from util.metric_learning.specification import Choice, Option, Specification, choose
from util.metric_learning.weighted_losses import WeightedLosses

LossSpecification: TypeAlias = Specification | nn.Module | Sequence[Mapping[str, Any]]


def build_loss(specification: LossSpecification, *, classes: int, dimension: int) -> EmbeddingLoss:
    """The loss of this name, the weighted sum of several, or the one given.

    Args:
        specification: a name of ``LOSSES``; a mapping with ``name`` and options; a list of such mappings, each with a
            ``weight`` (1 where it has none), for their sum; or a module called as ``loss(embeddings, labels, mined)``.
        classes: number of items in the training set.
        dimension: length of the embeddings.

    Raises:
        InvalidInputError: if a name or an option is unknown or out of range, or there is nothing to tell apart.

    >>> build_loss({"name": "arcface", "margin": 20}, classes=3, dimension=8).learns
    True
    """
    if classes < 2 or dimension < 1:
        raise InvalidInputError(
            f"a loss needs at least two items and one dimension, not classes={classes}, dimension={dimension}"
        )
    if isinstance(specification, EmbeddingLoss):
        return specification
    if isinstance(specification, nn.Module):
        return LibraryLoss(specification)
    if isinstance(specification, Sequence) and not isinstance(specification, str):
        return _weighted(specification, classes=classes, dimension=dimension)
    chosen, options = choose(specification, _LOSSES, sort="loss")
    return chosen.make(classes=classes, dimension=dimension, **options)


def _weighted(terms: Sequence[Specification], *, classes: int, dimension: int) -> WeightedLosses:
    named = [dict(term) if isinstance(term, Mapping) else {"name": term} for term in terms]
    weights: list[Any] = [term.pop("weight", 1.0) for term in named]
    return WeightedLosses([build_loss(term, classes=classes, dimension=dimension) for term in named], weights)


def _cross_entropy(*, classes: int, dimension: int, label_smoothing: float) -> EmbeddingLoss:
    loss = LinearCrossEntropy(classes=classes, dimension=dimension, label_smoothing=label_smoothing)
    return ClassificationLoss(loss, classes=classes, dimension=dimension)


def _classification(
    kind: type[nn.Module], *, classes: int, dimension: int, label_smoothing: float = 0.0, **options: object
) -> EmbeddingLoss:
    """A loss of the library that ends in cross-entropy; the library has no option for its label smoothing."""
    loss = kind(num_classes=classes, embedding_size=dimension, **options)
    loss.cross_entropy = nn.CrossEntropyLoss(reduction="none", label_smoothing=label_smoothing)
    return ClassificationLoss(loss, classes=classes, dimension=dimension)


def _proxies(kind: type[nn.Module], mixes: bool, *, classes: int, dimension: int, **options: object) -> EmbeddingLoss:
    loss = kind(num_classes=classes, embedding_size=dimension, **options)
    return ClassificationLoss(loss, classes=classes, dimension=dimension, mixes=mixes)


def _pairwise(kind: type[nn.Module], *, classes: int, dimension: int, **options: object) -> EmbeddingLoss:
    return LibraryLoss(kind(**options))


def _second_order_similarity(*, classes: int, dimension: int, margin: float, weight: float) -> EmbeddingLoss:
    return SecondOrderSimilarityLoss(margin=margin, weight=weight)


_SMOOTHING = Option(0.0, least=0, most=1)
_ANGLE = Option(28.6, least=0, most=90)  # degrees
_SCALE = Option(64.0, least=1e-3)
_TEMPERATURE_LEAST = 1e-4

_LOSSES: dict[str, Choice[EmbeddingLoss]] = {
    "cross_entropy": Choice(_cross_entropy, {"label_smoothing": _SMOOTHING}),
    "normalized_softmax": Choice(
        partial(_classification, library.NormalizedSoftmaxLoss),
        {"temperature": Option(0.05, least=_TEMPERATURE_LEAST), "label_smoothing": _SMOOTHING},
    ),
    "arcface": Choice(
        partial(_classification, library.ArcFaceLoss),
        {"margin": _ANGLE, "scale": _SCALE, "label_smoothing": _SMOOTHING},
    ),
    "cosface": Choice(
        partial(_classification, library.CosFaceLoss),
        {"margin": Option(0.35, least=0, most=2), "scale": _SCALE, "label_smoothing": _SMOOTHING},
    ),
    "subcenter_arcface": Choice(
        partial(_classification, library.SubCenterArcFaceLoss),
        {"margin": _ANGLE, "scale": _SCALE, "sub_centers": Option(3, least=1), "label_smoothing": _SMOOTHING},
    ),
    "proxy_anchor": Choice(
        partial(_proxies, library.ProxyAnchorLoss, False),
        {"margin": Option(0.1, least=0, most=1), "alpha": Option(32.0, least=1e-3)},
    ),
    # The scale of E. Teh et al., "ProxyNCA++", ECCV 2020; at the library's 1 the softmax of squared distances of unit
    # vectors is all but flat.
    "proxy_nca": Choice(partial(_proxies, library.ProxyNCALoss, True), {"softmax_scale": Option(9.0, least=1e-3)}),
    "contrastive": Choice(
        partial(_pairwise, library.ContrastiveLoss),
        {"pos_margin": Option(0.0, least=0, most=2), "neg_margin": Option(1.0, least=0, most=2)},
    ),
    "triplet": Choice(
        partial(_pairwise, library.TripletMarginLoss),
        {"margin": Option(0.2, least=0, most=2), "swap": Option(False), "smooth_loss": Option(False)},
    ),
    "circle": Choice(
        partial(_pairwise, library.CircleLoss), {"m": Option(0.4, least=0, most=1), "gamma": Option(80.0, least=1e-3)}
    ),
    "multi_similarity": Choice(
        partial(_pairwise, library.MultiSimilarityLoss),
        {"alpha": Option(2.0, least=1e-3), "beta": Option(50.0, least=1e-3), "base": Option(0.5, least=-1, most=1)},
    ),
    "ntxent": Choice(partial(_pairwise, library.NTXentLoss), {"temperature": Option(0.07, least=_TEMPERATURE_LEAST)}),
    "supcon": Choice(partial(_pairwise, library.SupConLoss), {"temperature": Option(0.1, least=_TEMPERATURE_LEAST)}),
    "second_order_similarity": Choice(
        _second_order_similarity, {"margin": Option(1.25, least=0, most=4), "weight": Option(10.0, least=0)}
    ),
}

LOSSES = tuple(_LOSSES)
"""The names that ``build_loss`` takes. Angles are in degrees, distances Euclidean between unit vectors."""
