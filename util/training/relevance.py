"""DeepRanking's triplets of a run's photos: how alike two photos of an item are is what another extractor says.

J. Wang et al., "Learning fine-grained image similarity with deep ranking", CVPR 2014, take it from hand-made features
too, which have no part in what the network learns from pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from util.image_extract import load
from util.images import read_image
from util.metric_learning.items import Indices
from util.metric_learning.relevance_triplets import RelevanceTriplets, relevance_of_embeddings
from util.records import Embeddings
from util.training.images import TrainingImages

_AT_ONCE = 64


class RelevanceConfig(BaseModel):
    """How triplets are drawn by relevance; see ``util.metric_learning.relevance_triplets``.

    Attributes:
        extractor: as ``util.image_extract.load`` takes it; the cosine between two photos is their relevance.
        positive_threshold: relevance from which on more makes a positive no likelier.
        margin: least difference in relevance between the positive and a negative of the same item.
        out_of_class: share of triplets whose negative shows another item; the others rank photos of one item.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    extractor: str = Field(min_length=1)
    positive_threshold: float = Field(1.0, gt=0)
    margin: float = Field(0.05, ge=0)
    out_of_class: float = Field(0.2, ge=0, le=1)


def relevance_triplets(
    config: RelevanceConfig, images: TrainingImages, labels: Indices, *, seed: int, models_dir: Path
) -> RelevanceTriplets:
    """What draws a run's triplets; every photo is looked at once.

    Args:
        config: names the extractor.
        images: the training photos.
        labels: (N,) the item of each.
        seed: of the drawing.
        models_dir: folder of trained extractors.

    Raises:
        UnknownExtractorError: if there is no such extractor.
        ExtractorUnavailableError: if it cannot be loaded.
        ImageError: if a photo cannot be read any more.
    """
    return RelevanceTriplets(
        labels,
        relevance_of_embeddings(_embedded(config.extractor, images, models_dir)),
        seed=seed,
        positive_threshold=config.positive_threshold,
        margin=config.margin,
        out_of_class=config.out_of_class,
    )


def _embedded(name: str, images: TrainingImages, models_dir: Path) -> Embeddings:
    extractor = load(name, models_dir=models_dir)
    rows = []
    for start in range(0, len(images), _AT_ONCE):
        records = images.records[start : start + _AT_ONCE]
        rows.append(extractor.embed([extractor.prepare(read_image(one.path, limits=images.limits)) for one in records]))
    return np.concatenate(rows)
