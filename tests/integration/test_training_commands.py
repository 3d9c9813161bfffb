"""Training as a user does it: commands and scripts, killed and taken up again, the extractor used at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from util.datasets import synthesize

ROOT = Path(__file__).parents[2]
SMALL = ["--recipe", "square, resize=32", "--batch-size", "12", "--epochs", "6", "--set", "workers=0",
         "--set", "options={widths: [8, 8, 16, 16]}", "--set", "precision='32'", "--set", "dimension=16"]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    directory = tmp_path_factory.mktemp("photos")
    synthesize(directory, families=2, items_per_family=3, photos_per_item=6, size=64, severity=0.2, seed=5)
    return directory


def nearid(*arguments, cwd):
    environment = {**os.environ, "NEARID_MODELS_DIR": str(cwd / "models"), "NEARID_STORE": f"embedded:{cwd}/n.db"}
    command = [str(Path(sys.executable).parent / "nearid"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def started(*arguments, cwd):
    environment = {**os.environ, "NEARID_MODELS_DIR": str(cwd / "models")}
    command = [str(Path(sys.executable).parent / "nearid"), *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_train_then_index_and_search(photos, tmp_path):
    trained = nearid(
        "train", "compact_resnet", "--train", str(photos), "--name", "mine", *SMALL, "--json", cwd=tmp_path
    )
    assert trained.returncode == 0, trained.stderr
    result = json.loads(trained.stdout)
    assert {"checkpoint", "card", "best"} <= result.keys()
    assert trained.stderr.count("epoch ") == 6
    assert all((tmp_path / picture).stat().st_size > 5000 for picture in result["pictures"])
    indexed = nearid("index", str(photos), "--extractor", "mine", "--json", cwd=tmp_path)
    assert json.loads(indexed.stdout)["indexed"] == 36
    first = next(photos.rglob("*.jpg"))
    found = json.loads(nearid("search", str(first), "-k", "1", "--json", cwd=tmp_path).stdout)
    assert found["results"][0]["hits"][0]["score"] > 0.999


def test_a_killed_run_taken_up_again_ends_where_an_unbroken_one_ends(photos, tmp_path):
    command = ["train", "compact_resnet", "--train", str(photos), "--name", "mine", *SMALL]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    assert nearid(*command, cwd=whole).returncode == 0
    process = started(*command, cwd=broken)
    log = broken / "runs/mine/metrics.csv"
    deadline = time.monotonic() + 240
    while not (log.is_file() and log.read_text().count("\n") >= 3):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "models/mine.safetensors").exists()
    assert nearid(*command, cwd=broken).returncode == 0
    one, other = (load_file(folder / "models/mine.safetensors") for folder in (whole, broken))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("script", ["train_alphaalexnet.py", "train_siamese_alexnet.py"])
def test_the_scripts_train(photos, tmp_path, script):
    nine = ", channels=exposure" if "alpha" in script else ""
    arguments = ["--train", str(photos), "--epochs", "1", "--recipe", f"square, resize=64{nine}", "--batch-size", "12"]
    environment = {**os.environ, "NEARID_MODELS_DIR": str(tmp_path / "models")}
    command = [sys.executable, str(ROOT / script), *arguments, "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / json.loads(done.stdout)["checkpoint"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compact_resnet"], "train: Field required"),
        ([], "which network"),
        (["compact_resnet", "--train", "nowhere", "--set", "epoch=3"], "no such setting"),
        (["compact_resnet", "--train", "nowhere", "--set", "epoch"], "NAME=VALUE"),
        (["compact_resnet", "--config", "nothing.yaml"], "cannot read the settings"),
    ],
)
def test_mistakes_are_one_line_and_status_2(tmp_path, arguments, message):
    done = nearid("train", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_photos_that_are_not_there_are_one_line(tmp_path):
    done = nearid("train", "compact_resnet", "--train", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nowhere: no such file or folder" in done.stderr
