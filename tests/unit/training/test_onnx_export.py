"""ONNX models: onnxruntime answers as torch does, and what differs or cannot be held is refused."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from util.errors import ExtractorUnavailableError, InvalidInputError, UnknownExtractorError
from util.image_extract import load
from util.networks.card import ModelCard, write_card
from util.networks.catalogue import NETWORKS, input_limits, network_names
from util.networks.embedder import build_from_card
from util.networks.states import write_state
from util.networks.trunks import TRUNKS
from util.training.onnx_export import check_onnx, export_onnx, synthetic_photos

SMALL = {
    "compact_resnet": {"dimension": 16, "options": {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}},
    "alphaalexnet": {"dimension": 256},
    "siamese_alexnet": {"dimension": 8, "options": {"hidden": 8}},
}


def write_model(folder: Path, name: str, network: str, *, recipe: str, seed: int = 0, **fields) -> None:
    """A checkpoint with random weights whose batch norms have seen something, and whose channels differ."""
    channels = 9 if recipe.endswith("channels=exposure") else 3
    mean, std = np.linspace(0.3, 0.6, channels), np.linspace(0.2, 0.4, channels)
    card = ModelCard(network=network, recipe=recipe, mean=tuple(mean), std=tuple(std), **fields)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = build_from_card(card)
        for module in built.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                nn.init.uniform_(module.running_mean, -0.1, 0.1)
    sha256 = write_state(folder / f"{name}.safetensors", built)
    write_card(folder / f"{name}.json", card.model_copy(update={"sha256": sha256}))


def small_recipe(network: str) -> str:
    return "square, resize=64" + ", channels=exposure" * (NETWORKS[network].channels[0] == 9)


@dataclass(frozen=True)
class Exported:
    """A model of two files, the ONNX model made of it, and what was said of that."""

    folder: Path
    network: str
    path: Path
    report: object

    @property
    def extractor(self):
        return load("small", models_dir=self.folder, device="cpu")


@pytest.fixture(scope="module", params=SMALL)
def exported(request, tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp(request.param)
    write_model(folder, "small", request.param, recipe=small_recipe(request.param), **SMALL[request.param])
    path = folder / "deep" / "er" / "small.onnx"
    return Exported(folder, request.param, path, export_onnx("small", path, models_dir=folder))


@pytest.fixture
def two_layers(tmp_path):
    """The network that takes the least time to export."""
    write_model(tmp_path, "small", "siamese_cnn", recipe="square, resize=64", dimension=16)
    return tmp_path


def photos(count: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 70, 50, 3), dtype=np.uint8))


@pytest.mark.parametrize("count", [1, 3, 7])
def test_any_batch_of_pixels_gives_the_extractors_unit_rows(exported, count):
    extractor = exported.extractor
    prepared = np.stack([extractor.prepare(photo) for photo in photos(count, seed=count)])
    session = onnxruntime.InferenceSession(exported.path)
    [rows] = session.run(["embeddings"], {"images": prepared})
    assert (rows.shape, rows.dtype) == ((count, extractor.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows, extractor.embed(list(prepared)), atol=1e-5)


def test_the_report_says_how_near(exported):
    assert exported.report.path == exported.path
    assert exported.report.images == 6
    assert 0 <= exported.report.largest_difference < 1e-8
    assert [path.name for path in exported.path.parent.iterdir()] == ["small.onnx"]


def test_the_model_says_what_it_is(exported):
    model = onnx.load(exported.path)
    onnx.checker.check_model(model, full_check=True)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["nearid.name"] == "small"
    assert said["nearid.fingerprint"] == exported.extractor.fingerprint
    assert said["nearid.recipe"] == small_recipe(exported.network)
    assert int(said["nearid.dimension"]) == SMALL[exported.network]["dimension"]
    assert json.loads(said["nearid.card"]) == json.loads((exported.folder / "small.json").read_text())
    [images] = model.graph.input
    channels = 9 if exported.network == "alphaalexnet" else 3
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [axis.dim_param or axis.dim_value for axis in images.type.tensor_type.shape.dim] == [
        "batch", 64, 64, channels
    ]  # fmt: skip


def test_the_model_tells_no_paths_of_the_machine_it_was_made_on(exported):
    content = exported.path.read_bytes()
    assert str(Path(torch.__file__).parent).encode() not in content
    assert b"onnx_export.py" not in content


def test_a_model_of_other_weights_is_found_out(exported, tmp_path):
    fields = SMALL[exported.network]
    write_model(tmp_path, "small", exported.network, recipe=small_recipe(exported.network), seed=1, **fields)
    other = load("small", models_dir=tmp_path, device="cpu")
    with pytest.raises(ExtractorUnavailableError, match=r"of small and torch differ by .* nothing was written"):
        check_onnx(exported.path, other, photos(2))
    assert check_onnx(exported.path, exported.extractor, photos(2)).images == 2


def test_another_recipe_is_another_model(two_layers):
    export_onnx("small", two_layers / "wide.onnx", models_dir=two_layers, recipe="resize=96x64", photos=photos(1))
    model = onnx.load(two_layers / "wide.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["nearid.recipe"] == "resize=96x64"
    assert said["nearid.fingerprint"] == load("small", models_dir=two_layers, recipe="resize=96x64").fingerprint
    assert [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:]] == [64, 96, 3]


@pytest.mark.parametrize(
    ("name", "options", "error", "part"),
    [
        ("phash", {}, InvalidInputError, "'phash' has no network"),
        ("none", {}, UnknownExtractorError, "no extractor is called 'none'"),
        ("small", {"recipe": "square"}, InvalidInputError, "leaves images of various sizes"),
        ("small", {"recipe": "resize=19"}, InvalidInputError, "takes images from 20×20 pixels"),
    ],
)
def test_what_onnx_cannot_hold_is_said_before_anything_is_written(two_layers, name, options, error, part):
    with pytest.raises(error, match=re.escape(part)):
        export_onnx(name, two_layers / "out" / "model.onnx", models_dir=two_layers, **options)
    assert not (two_layers / "out").exists()


def test_a_place_that_cannot_be_written_is_named(two_layers):
    with pytest.raises(InvalidInputError, match=r"cannot write .*small\.json/x\.onnx"):
        export_onnx("small", two_layers / "small.json" / "x.onnx", models_dir=two_layers)
    with pytest.raises(InvalidInputError, match="is a folder: name the file"):
        export_onnx("small", two_layers, models_dir=two_layers)


def test_an_earlier_file_stays_where_the_new_one_fails(two_layers):
    path = two_layers / "model.onnx"
    path.write_bytes(b"earlier")
    with pytest.raises(InvalidInputError, match="no photo to check"):
        export_onnx("small", path, models_dir=two_layers, photos=[])
    assert path.read_bytes() == b"earlier"
    assert list(two_layers.glob("*.partial")) == list(two_layers.glob(".*.partial")) == []


def test_what_is_no_onnx_model_is_said_in_one_line(two_layers):
    path = two_layers / "broken.onnx"
    path.write_bytes(b"no protocol buffer")
    with pytest.raises(ExtractorUnavailableError, match="onnxruntime cannot run the model") as caught:
        check_onnx(path, load("small", models_dir=two_layers, device="cpu"), photos(1))
    assert "\n" not in str(caught.value)


def test_the_rendered_photos_differ_and_are_always_the_same():
    first, second = synthetic_photos(3, size=64), synthetic_photos(3, size=64)
    assert [photo.shape for photo in first] == [(64, 64, 3)] * 3
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])


@pytest.mark.slow
@pytest.mark.parametrize("network", network_names())
def test_every_network_can_be_exported(tmp_path, network):
    limits, own = input_limits(network), network in NETWORKS
    dimension = 16 if own else TRUNKS[network].dimension
    nine = ", channels=exposure" * (limits.channels == (9,))
    side = limits.only[0] if limits.only else max(64, limits.smallest)
    write_model(tmp_path, "any", network, recipe=f"square, resize={side}{nine}", dimension=dimension)
    report = export_onnx("any", tmp_path / "any.onnx", models_dir=tmp_path, photos=photos(2))
    assert report.largest_difference < 1e-6
