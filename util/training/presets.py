"""What suits each network where the user says nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FROM_SCRATCH: Mapping[str, Any] = {
    "loss": {"name": "cosface", "margin": 0.2, "scale": 20.0, "label_smoothing": 0.1},
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 5e-4,
    "average": 0.995,
    "cutmix": 0.5,
}

_ALEXNET: Mapping[str, Any] = {
    "loss": _FROM_SCRATCH["loss"],
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.05,
    "average": 0.98,
    "options": {"batch_norm": True},
}

_PAIRS: Mapping[str, Any] = {
    "objective": "pairs",
    "loss": _FROM_SCRATCH["loss"],
    "embedding_loss": 1.0,
    "hard_share": 0.6,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.05,
    "average": 0.98,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "compact_resnet": _FROM_SCRATCH,
    "alexnet_original": _ALEXNET,
    "alphaalexnet": _ALEXNET,
    "siamese_alexnet": {**_PAIRS, "options": {"batch_norm": True, "grid": 1, "maximum": True}},
    "siamese_vgg16": {**_PAIRS, "learning_rate": 3e-4},
    "siamese_cnn": {"loss": {"name": "triplet", "margin": 0.2}, "sampler": {"name": "m_per_class", "m": 4}},
    "deepranking": {"objective": "triplets", "loss": {"name": "triplet", "margin": 1.0}, "optimizer": "sgd",
                    "learning_rate": 1e-3, "batch_size": 24},
    "solar": {"objective": "hard_negatives", "loss": {"name": "second_order_similarity"}, "optimizer": "adam",
              "learning_rate": 1e-6, "weight_decay": 1e-6, "schedule": "exponential", "batch_size": 28},
}  # fmt: skip
