"""Training by NearID against a bare torch loop with the same network, batches, loss and optimiser, in one run.

    python benchmarks/training.py [--epochs N] [--out FILE.json]

Both take their photos from the same data loader with the same augmentation. The bare loop does nothing but forward,
backward and step; a run adds Lightning, logging and checkpoints. Epochs take turns, and what is compared is the
median over epochs without validation. Photos are synthetic, 256 pixels, cut to 128.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from _provenance import provenance

from util.datasets import synthesize
from util.metric_learning.losses import build_loss
from util.networks.catalogue import build_network
from util.networks.normalisation import normalised
from util.training.configuration import TrainingConfig, configure
from util.training.data import TrainingData
from util.training.exporting import normalisation_of
from util.training.optimisation import build_optimizer
from util.training.planning import SampledPlan, build_sampler
from util.training.running import Surroundings, train

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, help="of each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "training.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        synthesize(photos, families=4, items_per_family=5, photos_per_item=16, size=256, severity=0.3, seed=0)
        rounds = [one_round(photos, Path(folder) / str(number), arguments.epochs) for number in range(arguments.rounds)]
    ours = statistics.median(rate for one in rounds for rate in one["nearid"])
    bare = statistics.median(rate for one in rounds for rate in one["bare_loop"])
    result = {
        "photos_per_second": {"nearid": ours, "bare_loop": bare},
        "time_against_bare_loop": bare / ours,
        "rounds": rounds,
        "provenance": provenance("torch", "lightning", "albumentations"),
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"nearid {ours:.0f} photos/s, bare loop {bare:.0f} photos/s: {bare / ours:.3f} times the bare loop's time")


def one_round(photos: Path, folder: Path, epochs: int) -> dict[str, list[float]]:
    """Photos a second of each epoch but the first, which starts the workers."""
    config = configure({
        "network": "compact_resnet", "train": str(photos), "recipe": "square, resize=128", "cutmix": 0, "average": 0,
        "epochs": epochs + 1, "validate_every": epochs + 1, "learning_rate": 0.01,
    })  # fmt: skip
    bare = bare_loop(config)
    train(config, surroundings=Surroundings(runs_dir=folder / "runs", models_dir=folder / "models"))
    rates = pd.read_csv(folder / "runs" / config.name / "metrics.csv")["images_per_second"].tolist()
    return {"bare_loop": bare, "nearid": rates[1:]}


def bare_loop(config: TrainingConfig) -> list[float]:
    """The same epochs by nothing but torch."""
    data = TrainingData(config)
    sampler = build_sampler(config.sampler, labels=data.labels, batch_size=config.batch_size, seed=config.seed)
    data.plan = SampledPlan(sampler, seed=config.seed)
    network = build_network(config.network, dimension=config.dimension).train()
    loss = build_loss(config.loss, classes=len(data.item_names), dimension=config.dimension)
    optimizer = build_optimizer(network, loss, config)
    half = torch.cpu.get_capabilities().get("amx_bf16", False)
    mean, std = normalisation_of(config)
    loader, rates = data.train_dataloader(), []
    for epoch in range(config.epochs):
        loader.sampler.set_epoch(epoch)
        started = time.perf_counter()
        for batch in loader:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                value = loss(network(normalised(batch.images, mean, std)), batch.labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        rates.append(config.batch_size * len(data.plan) / (time.perf_counter() - started))
    return rates[1:]


if __name__ == "__main__":
    main()
