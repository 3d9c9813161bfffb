"""Whole runs: what comes out is an extractor, interruptions change nothing, trouble leaves the last good checkpoint."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file

from util.datasets import read_dataset
from util.errors import (
    DatasetError,
    ExtractorUnavailableError,
    InvalidInputError,
    RunExistsError,
    TrainingDivergedError,
    UnknownExtractorError,
)
from util.image_extract import load
from util.images import read_image
from util.networks.card import read_card
from util.training.configuration import configure
from util.training.nearest import recall_at_1
from util.training.running import Surroundings, train


class Interruption(Callback):
    """Stops a run as a lost machine would: in the middle of an epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == 1 and batch_idx == 1:
            raise RuntimeError("the machine is gone")


def run(settings, folder, *callbacks, **options):
    around = Surroundings(runs_dir=folder / "runs", models_dir=folder / "models", callbacks=callbacks)
    return train(configure(settings), surroundings=around, **options)


def weights_of(result):
    return load_file(result.weights)


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_what_comes_out_is_an_extractor_with_its_card(settings, tmp_path):
    result = run({**settings, "half_weights": True}, tmp_path)
    card = read_card(result.card)
    assert card.training["epochs"] == 3
    assert card.training["loss"] == configure(settings).model_dump(mode="json")["loss"]
    assert len(card.training["data_sha256"]) == 64
    assert card.metrics["val_recall@1"] == result.best["val_recall@1"]
    extractor = load("small", models_dir=tmp_path / "models")
    photos = [read_image(record.path) for record in read_dataset(settings["train"])[:3]]
    assert extractor.extract(photos).shape == (3, 16)
    assert json.loads((result.run / "result.json").read_text())["name"] == "small"


def test_the_validation_is_what_the_extractor_itself_reaches(settings, tmp_path):
    settings |= {"split": "item", "validation_share": 0.4}
    result = run(settings, tmp_path)
    from util.training.data import read_parts

    held_out = read_parts(configure(settings)).held_out
    embeddings = load("small", models_dir=tmp_path / "models").extract([read_image(one.path) for one in held_out])
    names = sorted({one.item for one in held_out})
    items = torch.tensor([names.index(one.item) for one in held_out])
    assert recall_at_1(torch.from_numpy(embeddings), items, None, items) == pytest.approx(result.best["val_recall@1"])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cutmix": 0.5, "average": 0.9}, id="mixed and averaged"),
        pytest.param({"optimizer": "adamw", "loss": "triplet", "cutmix": 0, "sampler": "m_per_class"}, id="triplets"),
        pytest.param({"objective": "hard_negatives", "loss": "triplet", "cutmix": 0, "batch_size": 28}, id="mined"),
    ],
)
def test_an_interrupted_run_ends_where_an_unbroken_one_ends(settings, tmp_path, change):
    settings |= change
    unbroken = run(settings, tmp_path / "unbroken")
    with pytest.raises(RuntimeError, match="the machine is gone"):
        run(settings, tmp_path / "broken", Interruption())
    assert not (tmp_path / "broken/models").exists()
    taken_up = run(settings | {"memory_mb": 0}, tmp_path / "broken")  # with every photo read anew, too
    assert_same_weights(weights_of(taken_up), weights_of(unbroken))
    before, after = (pd.read_csv(one.run / "metrics.csv") for one in (unbroken, taken_up))
    columns = ["epoch", "step", "train_loss", "learning_rate", "val_recall@1"]
    pd.testing.assert_frame_equal(before[columns], after[columns])


def test_triplets_can_be_drawn_by_what_another_extractor_finds_alike(settings, tmp_path):
    class Counting(Callback):
        inside, outside = 0, 0

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            items = batch.labels[batch.triplets]
            assert (items[:, 0] == items[:, 1]).all()
            self.inside += int((items[:, 0] == items[:, 2]).sum())
            self.outside += int((items[:, 0] != items[:, 2]).sum())

    counting = Counting()
    said = {"objective": "triplets", "loss": "triplet", "cutmix": 0, "relevance": "color_texture", "epochs": 1}
    result = run(settings | said, tmp_path, counting)
    assert counting.outside == round(0.2 * (counting.inside + counting.outside)) > 0
    relevance = {"extractor": "color_texture", "positive_threshold": 1.0, "margin": 0.05, "out_of_class": 0.2}
    assert read_card(result.card).training["relevance"] == relevance
    with pytest.raises(UnknownExtractorError, match="no extractor is called 'colour_texture'"):
        run(settings | said | {"relevance": "colour_texture", "name": "misspelt"}, tmp_path)


def test_a_finished_run_is_not_trained_again(settings, tmp_path):
    first = run(settings, tmp_path)
    first.weights.unlink()
    again = run(settings, tmp_path, Interruption())  # which would stop any training
    assert again.weights.is_file()
    assert again.best == first.best


def test_another_seed_gives_another_network_and_the_same_seed_the_same(settings, tmp_path):
    one, same, other = (
        run({**settings, "seed": seed}, tmp_path / name) for name, seed in zip("abc", (1, 1, 2), strict=True)
    )
    assert_same_weights(weights_of(one), weights_of(same))
    assert any(not torch.equal(a, b) for a, b in zip(weights_of(one).values(), weights_of(other).values(), strict=True))


def test_other_settings_do_not_write_over_a_run_unless_told_to(settings, tmp_path):
    run(settings, tmp_path)
    with pytest.raises(RunExistsError, match="epochs was 3, is 4"):
        run({**settings, "epochs": 4}, tmp_path)
    assert run({**settings, "epochs": 4}, tmp_path, restart=True).epochs == 4


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_good_checkpoint(settings, tmp_path):
    class Spoiled(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch == 1:
                next(pl_module.network.parameters()).data.fill_(float("nan"))

    with pytest.raises(TrainingDivergedError, match="the loss is nan at epoch 2, step 1: lower the learning rate"):
        run(settings, tmp_path, Spoiled())
    state = torch.load(tmp_path / "runs/small/last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())
    assert run(settings, tmp_path).epochs == 3


def test_a_folder_that_cannot_be_written_is_said_in_one_line(settings, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(InvalidInputError, match="cannot keep a run in") as raised:
        run(settings, tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full to play a full disk")
def test_a_full_disk_is_one_message_and_the_last_checkpoint_stays(settings, tmp_path):
    class FullDisk(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                draft = tmp_path / "runs/small/metrics.tmp"
                draft.symlink_to("/dev/full")

    with pytest.raises(InvalidInputError, match="No space left on device; make room there and run the same command"):
        run(settings, tmp_path, FullDisk())
    (tmp_path / "runs/small/metrics.tmp").unlink()
    assert run(settings, tmp_path).epochs == 3


def test_weights_to_start_from_are_taken_over_and_those_of_another_network_refused(settings, tmp_path):
    first = run(settings, tmp_path)
    started = run({**settings, "name": "second", "start_from": str(first.weights), "learning_rate": 1e-12}, tmp_path)
    for name, value in weights_of(first).items():
        if value.is_floating_point() and not name.endswith(("running_mean", "running_var")):
            torch.testing.assert_close(weights_of(started)[name], value, atol=1e-5, rtol=1e-3)
    other = {**settings, "network": "siamese_cnn", "options": {}, "name": "third", "start_from": str(first.weights)}
    with pytest.raises(ExtractorUnavailableError, match="are of another network"):
        run(other, tmp_path)


def test_a_frozen_trunk_comes_out_as_it_went_in(settings, tmp_path):
    first = run(settings, tmp_path)
    frozen = run({**settings, "name": "second", "start_from": str(first.weights), "freeze": "trunk"}, tmp_path)
    before, after = weights_of(first), weights_of(frozen)
    for name in before:  # the moving average of what does not move still rounds
        if name.startswith("trunk."):
            torch.testing.assert_close(after[name], before[name], rtol=1e-6, atol=1e-7)
    assert (after["head.0.weight"] - before["head.0.weight"]).abs().max() > 1e-4


def test_early_stopping_ends_a_run_that_does_not_get_better(settings, tmp_path):
    result = run({**settings, "epochs": 30, "learning_rate": 1e-12, "patience": 2, "warmup": 0}, tmp_path)
    assert result.epochs < 10


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"validation": "nothing"}, DatasetError, "nothing"),
        ({"loss": "triplet", "cutmix": 0.5}, InvalidInputError, "CutMix needs a loss that classifies"),
        ({"loss": "arcface", "miner": "batch_hard"}, InvalidInputError, "has no use for a miner"),
        ({"loss": "arcfac"}, InvalidInputError, "arcface"),
        ({"sampler": "random_walk"}, InvalidInputError, "m_per_class"),
        ({"options": {"width": 3}}, InvalidInputError, "takes no option 'width'"),
        ({"start_from": "pretrained"}, InvalidInputError, "no published weights for compact_resnet"),
    ],
)
def test_what_does_not_fit_is_said_before_training_begins(settings, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        run({**settings, **change}, tmp_path)


def test_one_item_or_one_photo_an_item_cannot_be_learnt_from(settings, tmp_path):
    photos = read_dataset(settings["train"])
    for name, chosen in (("one item", photos[:4]), ("one photo", photos[::6])):
        folder = tmp_path / name
        for record in chosen:
            (folder / str(record.item)).mkdir(parents=True, exist_ok=True)
            target = folder / str(record.item) / record.id.replace("/", "_")
            target.write_bytes(Path(record.path).read_bytes())
        with pytest.raises(DatasetError):
            run({**settings, "train": str(folder), "validation": settings["train"]}, tmp_path / "out")


def test_items_with_one_photo_are_pointed_out_and_do_no_harm(settings, tmp_path):
    photos = read_dataset(settings["train"])
    for record in photos[:13]:
        folder = tmp_path / "set" / str(record.item)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / record.id.replace("/", "_")).write_bytes(Path(record.path).read_bytes())
    result = run({**settings, "train": str(tmp_path / "set"), "validation": settings["train"]}, tmp_path)
    assert "1 of 3 items have one training photo only" in result.notices[0]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["siamese_alexnet", "alphaalexnet", "siamese_cnn", "alexnet_original"])
def test_the_networks_of_this_project_train_and_learn(settings, tmp_path, network):
    kept = {key: settings[key] for key in ("name", "train", "precision", "workers", "augmentation")}
    nine = ", channels=exposure" if network == "alphaalexnet" else ""
    settings = {**kept, "network": network, "epochs": 8, "batch_size": 12, "recipe": f"square, resize=64{nine}"}
    result = run(settings, tmp_path)
    losses = pd.read_csv(result.run / "metrics.csv")["train_loss"]
    assert losses.iloc[-2:].mean() < losses.iloc[:2].mean()
    extractor = load("small", models_dir=tmp_path / "models")
    photo = read_image(read_dataset(settings["train"])[0].path)
    np.testing.assert_allclose(np.linalg.norm(extractor.extract([photo]), axis=1), 1, rtol=1e-5)
