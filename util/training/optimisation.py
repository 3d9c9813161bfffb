"""Optimisers and learning-rate schedules, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from util.training.configuration import TrainingConfig


def build_optimizer(network: nn.Module, loss: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of a run.

    Weights decay; biases, norms, pooling exponents and everything else of one dimension do not, since pulling them to
    zero regularises nothing. What the loss learns (class proxies) has its own learning rate.

    Args:
        network: the network.
        loss: may have parameters of its own.
        config: names the optimiser and its numbers.
    """
    rate, proxies = config.learning_rate, list(loss.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [one for one in network.parameters() if one.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [one for one in network.parameters() if one.ndim <= 1], "weight_decay": 0.0},
    ]
    if proxies:
        groups.append({"params": proxies, "weight_decay": config.weight_decay, "lr": rate * config.proxy_learning_rate})
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate)
    return torch.optim.Adadelta(groups, lr=rate)


def learning_rate_factor(config: TrainingConfig, *, steps_an_epoch: int) -> Callable[[int], float]:
    """What the learning rate is multiplied by at each step.

    Args:
        config: names the schedule.
        steps_an_epoch: how many steps an epoch has.

    >>> from util.training.configuration import configure
    >>> factor = learning_rate_factor(configure({"network": "compact_resnet", "train": "photos", "epochs": 10,
    ...     "warmup": 0.1}), steps_an_epoch=10)
    >>> [round(factor(step), 3) for step in (0, 9, 50, 99)]
    [0.1, 0.98, 0.5, 0.0]
    """
    total = config.epochs * steps_an_epoch
    rising = max(1, round(total * config.warmup))

    def shape(step: int) -> float:
        epoch = step // steps_an_epoch
        if config.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(step / total, 1)))
        return {"constant": 1.0, "step": 0.5**epoch, "exponential": math.exp(-0.01 * epoch)}[config.schedule]

    return lambda step: min(1.0, (step + 1) / rising) * shape(step)
