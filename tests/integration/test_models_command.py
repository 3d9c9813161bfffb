"""``nearid models`` as its own process: a prior system's file becomes an extractor, and that an ONNX model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def nearid_process(tmp_path):
    """Runs ``nearid`` beside a folder of models of its own."""

    def run(*words: object, status: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [Path(sys.executable).with_name("nearid"), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
            env=os.environ | {"NEARID_MODELS_DIR": str(tmp_path / "models")},
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def prior_file(tmp_path) -> Path:
    """Weights of the small Siamese network as the prior system named them, for images of 20 pixels."""
    import torch
    from torch import nn

    conv = nn.Sequential(
        nn.Conv2d(3, 32, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(),
        nn.Conv2d(32, 64, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(),
    )  # fmt: skip
    fc = nn.Sequential(nn.Linear(64 * 2 * 2, 512), nn.PReLU(), nn.Linear(512, 7))
    path = tmp_path / "prior.pth"
    torch.save(nn.ModuleDict({"conv": conv, "fc": fc}).state_dict(), path)
    return path


@pytest.mark.slow
def test_a_prior_file_becomes_an_extractor_and_an_onnx_model(nearid_process, prior_file, catalogue, tmp_path):
    words = ("models", "import", prior_file, "--network", "siamese_cnn", "--name", "flowers", "--json")
    imported = json.loads(nearid_process(*words).stdout)
    assert imported["checkpoint"] == str(tmp_path / "models" / "flowers.safetensors")
    assert imported["origin"] == "SiameseNetwork of image_retrieval"
    assert (len(imported["taken"]), imported["left_out"], imported["missing"]) == (11, {}, [])

    card = json.loads(nearid_process("models", "card", "flowers", "--json").stdout)
    assert card == json.loads((tmp_path / "models" / "flowers.json").read_text())
    shown = nearid_process("models", "card", "flowers").stdout
    assert "square, resize=20" in shown
    assert "siamese_cnn" in shown

    out = tmp_path / "flowers.onnx"
    report = json.loads(nearid_process("models", "onnx", "flowers", out, "--check", catalogue, "--json").stdout)
    assert (report["path"], report["bytes"]) == (str(out), out.stat().st_size)
    assert report["largest_difference"] < 1e-6
    assert 1 < report["images"] <= 16
    assert embeddings_agree(out, tmp_path / "models", catalogue / "new" / "item5" / "0.jpg")


def embeddings_agree(model: Path, models_dir: Path, photo: Path) -> bool:
    """Whether onnxruntime, given what the recipe makes of a photo, returns what the extractor does."""
    import numpy as np
    import onnxruntime

    from util.image_extract import load
    from util.images import read_image

    extractor = load("flowers", models_dir=models_dir, device="cpu")
    pixels = read_image(photo)
    [rows] = onnxruntime.InferenceSession(model).run(None, {"images": extractor.prepare(pixels)[None]})
    return np.allclose(rows, extractor.extract([pixels]), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("card", "none"), 1, "there is no card"),
        (("onnx", "phash", "out.onnx"), 2, "has no network"),
        (("onnx", "none", "out.onnx"), 2, "no extractor is called 'none'"),
        (("onnx", "none", "out.onnx", "--check", "nowhere"), 2, "nowhere: no such file or folder"),
        (("import", "none.pth", "--network", "alphaalexnet", "--name", "new"), 1, "no weights at none.pth"),
        (("import", "none.pth", "--name", "new"), 2, "--network"),
    ],
)
def test_what_goes_wrong_is_one_line(nearid, tmp_path, monkeypatch, words, status, message):
    monkeypatch.setenv("NEARID_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    code, out, err = nearid("models", *words)
    assert (code, out) == (status, "")
    assert message in err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()


def test_a_damaged_photo_to_check_on_is_named(nearid, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    code, _, err = nearid("models", "onnx", "phash", tmp_path / "out.onnx", "--check", tmp_path / "bad.jpg")
    assert code == 1
    assert "bad.jpg" in err
