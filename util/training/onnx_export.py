"""ONNX models of extractors, checked against torch: for programs that have onnxruntime and no NearID.

The model holds everything after the recipe: it takes ``images``, uint8 (N, H, W, C) as the recipe leaves them, and
returns ``embeddings``, float32 (N, D), unit rows. N is free; H, W and C are the recipe's. What makes it an extractor,
the recipe above all, stands in the model's ``metadata_props``: see ``describing``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.image_extract import load
from util.image_extract._checkpoint import CheckpointExtractor
from util.image_extract._network import NetworkExtractor
from util.networks.normalisation import normalised
from util.records import Embeddings

Pixels = NDArray[np.uint8]

INPUT, OUTPUT = "images", "embeddings"

LIMIT = 1e-3
"""Largest cosine distance between what torch and ONNX make of a photo."""

_OPSET = 18
"""Version of ONNX's operators: onnxruntime has known it since 1.14, of February 2023."""

_LARGEST_FILE = 2**31 - 2**20
"""Most bytes of weights: a protocol buffer ends at two gibibytes."""


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """An ONNX model and how near it comes to torch.

    Attributes:
        path: the model.
        largest_difference: largest cosine distance between the two embeddings of a photo, each photo being given
            alone and together with all others.
        images: how many photos were compared.
    """

    path: Path
    largest_difference: float
    images: int


class EmbeddingModel(nn.Module):
    """A network between pixels and unit rows: uint8 (N, H, W, C) to float32 (N, D).

    Args:
        network: takes (N, C, H, W) float, normalised.
        mean: of each channel, on the scale from 0 to 1.
        std: likewise.
    """

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network, self.mean, self.std = network, tuple(mean), tuple(std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (N, H, W, C) to float32 (N, D), unit rows."""
        return functional.normalize(self.network(normalised(images, self.mean, self.std)), dim=1)


def export_onnx(
    name: str, path: Path, *, models_dir: Path, recipe: str | None = None, photos: Sequence[Pixels] | None = None
) -> OnnxReport:
    """Writes an extractor as an ONNX model, whole or not at all, and only if it answers as torch does.

    Args:
        name: of an extractor with a network, as ``util.image_extract.load`` takes it.
        path: the file to write; folders above it are made.
        models_dir: folder of trained weights and their cards.
        recipe: preprocessing in place of the extractor's own.
        photos: uint8 H×W×3 RGB, what to compare the two on; ``None`` renders some.

    Raises:
        InvalidInputError: if the extractor has no network, its recipe leaves images of various sizes, no photo is
            given, or the file cannot be written.
        ExtractorUnavailableError: if the extractor cannot be loaded, ONNX cannot express it, or the two differ by
            more than ``LIMIT``.
    """
    extractor = _network_extractor(name, models_dir, recipe)
    with _draft_of(path) as draft:
        program = _exported(extractor)
        program.model.metadata_props.update(describing(extractor))
        _forget_sources(program)
        program.save(draft)
        report = check_onnx(draft, extractor, synthetic_photos() if photos is None else photos)
    return replace(report, path=path)


def check_onnx(path: Path, extractor: NetworkExtractor, photos: Sequence[Pixels]) -> OnnxReport:
    """Compares an ONNX model with the extractor it was made of.

    Args:
        path: the model.
        extractor: preprocesses for both, to images of one size.
        photos: N ≥ 1 arrays, uint8 H×W×3 RGB; each goes through the model alone, and all go through it at once.

    Raises:
        InvalidInputError: if there is no photo.
        ExtractorUnavailableError: if onnxruntime cannot run the model, or the two differ by more than ``LIMIT``.
    """
    if not photos:
        raise InvalidInputError("no photo to check the ONNX model on: give at least one")
    prepared = np.stack([extractor.prepare(photo) for photo in photos])
    expected = extractor.embed(list(prepared))
    batches = [prepared, *np.split(prepared, len(prepared))]
    together, *alone = _run(path, batches)
    difference = max(_distance(together, expected), _distance(np.concatenate(alone), expected))
    if not difference <= LIMIT:
        raise ExtractorUnavailableError(
            f"the ONNX model of {extractor.name} and torch differ by {difference:.2g} in cosine, where {LIMIT} is the "
            "most: nothing was written; try another version of torch or onnxruntime"
        )
    return OnnxReport(path, difference, len(photos))


def describing(extractor: NetworkExtractor) -> dict[str, str]:
    """What a model says of itself, by key.

    ``nearid.name``, ``nearid.fingerprint`` (as spaces remember it), ``nearid.dimension`` and ``nearid.recipe`` (what
    has to be done to a photo before); of a trained extractor also ``nearid.card``, its whole card as JSON.
    """
    said = {
        "nearid.name": extractor.name,
        "nearid.fingerprint": extractor.fingerprint,
        "nearid.dimension": str(extractor.dimension),
        "nearid.recipe": str(extractor.recipe),
    }
    if isinstance(extractor, CheckpointExtractor):
        said["nearid.card"] = extractor.card.model_dump_json(exclude_none=True)
    return said


def synthetic_photos(count: int = 6, *, size: int = 256) -> list[Pixels]:
    """Photos of synthetic items, the same ones each time.

    Args:
        count: how many, each of another item; bottles, cartons and boxes take turns.
        size: width and height in pixels.

    Returns:
        uint8 (size, size, 3) RGB each.
    """
    from util.datasets.synthesis.families import make_family
    from util.datasets.synthesis.photos import renderer_of, take_photo
    from util.datasets.synthesis.shots import draw_shot

    photos = []
    for number in range(count):
        rng = np.random.default_rng(number)
        [item] = make_family(number, 1, 0)
        photos.append(take_photo(renderer_of(item, size), draw_shot(rng, 0.5, yaw_limit=30), size, rng).image)
    return photos


def _network_extractor(name: str, models_dir: Path, recipe: str | None) -> NetworkExtractor:
    extractor = load(name, recipe=recipe, device="cpu", models_dir=models_dir)
    if not isinstance(extractor, NetworkExtractor):
        raise InvalidInputError(
            f"the extractor {name!r} has no network that ONNX could hold: name one that was trained"
        )
    if extractor.recipe.output_size is None:
        raise InvalidInputError(
            f"the recipe of {name} ({extractor.recipe or 'none'}) leaves images of various sizes, an ONNX model takes "
            'one: give a recipe that fixes it, such as "square, resize=224"'
        )
    return extractor


def _exported(extractor: NetworkExtractor) -> torch.onnx.ONNXProgram:
    height, width = extractor.recipe.output_size or (0, 0)
    network = extractor.load_pretrained().eval()  # not the one that runs: that may be fused, and laid out for a device
    _require_small(network, extractor.name)
    model = EmbeddingModel(network, mean=extractor.mean, std=extractor.std).eval().requires_grad_(False)
    # Two images: torch would take a batch of one for a constant.
    example = torch.zeros((2, height, width, extractor.recipe.channels), dtype=torch.uint8)
    try:
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: "batch"},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=_OPSET,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise ExtractorUnavailableError(
            f"ONNX cannot express the network of {extractor.name}: {str(error).partition(chr(10))[0]}"
        ) from error
    if program is None:
        raise ExtractorUnavailableError(f"torch made no ONNX model of {extractor.name}: try another version of torch")
    return program


def _require_small(network: nn.Module, name: str) -> None:
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size > _LARGEST_FILE:
        raise InvalidInputError(
            f"the weights of {name} are {size / 2**30:.1f} GiB, an ONNX file holds less than 2: take a smaller network"
        )


def _forget_sources(program: torch.onnx.ONNXProgram) -> None:
    """Takes out the stack traces of the export: paths of this machine, in every node."""
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()


def _run(path: Path, batches: Sequence[Pixels]) -> list[Embeddings]:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; its log would stand before our message
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return [session.run([OUTPUT], {INPUT: batch})[0] for batch in batches]
    except (states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented,
            states.RuntimeException, ValueError) as error:  # fmt: skip
        reason = " ".join(str(error).split())
        raise ExtractorUnavailableError(f"onnxruntime cannot run the model: {reason}") from error


def _distance(given: Embeddings, expected: Embeddings) -> float:
    """Largest cosine distance of two rows; more than that where a row is not of unit length."""
    apart = given.astype(np.float64) - expected
    return float(0.5 * np.square(apart).sum(axis=1).max())  # |a − b|² = 2 − 2 a·b


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place at the end, or is gone if anything is raised."""
    if path.is_dir():
        raise InvalidInputError(f"{path} is a folder: name the file to write, such as {path / 'model.onnx'}")
    draft = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()  # before the work: whether it can be written is known at once
        yield draft
        draft.replace(path)
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {path}: {error.strerror or error}; name a file in a folder with room that can be written"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
