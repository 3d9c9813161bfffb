"""Weights trained by the systems that NearID unites: their names for things turned into ours.

Known are the networks of ``MM2021-811/ImageIdentification`` (AlexNet, AlphaAlexNet, the Siamese AlexNet and VGG16), of
``tappyness1/image_retrieval`` (the small Siamese network and the ResNet-50), and torchvision's AlexNet and VGG16,
from which the Siamese ones start. DeepRanking's published weights are a Keras file (``.h5``), which torch cannot read.

What was trained on other pixels needs other pixels: the prior AlphaAlexNet was fed the transposed and the inverted
image in its last six channels, the inverted one out of scale, so a recipe that ends in ``channels=transposed`` comes
nearer to it than ``channels=exposure``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from util.errors import ExtractorUnavailableError
from util.networks.alexnet import AlexNet
from util.networks.deepranking import DeepRanking
from util.networks.embedder import Embedder
from util.networks.first_convolution import widen_state
from util.networks.siamese import SiameseAlexNet, SiameseVGG16
from util.networks.siamese_cnn import SiameseCNN
from util.networks.states import State, read_state


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the weights in a file.

    Attributes:
        origin: whose they are.
        taken: names, in the network, of what now comes from the file.
        left_out: of each weight in the file that was not taken, why not.
        missing: names, in the network, of what keeps the value it had.
    """

    origin: str
    taken: tuple[str, ...]
    left_out: Mapping[str, str]
    missing: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for a person."""
        reasons = "; ".join(dict.fromkeys(self.left_out.values()))
        left = f"; {len(self.left_out)} left out ({reasons})" if self.left_out else ""
        kept = f"; {len(self.missing)} of the network are not from the file: {', '.join(self.missing)}"
        return f"{self.origin}: {len(self.taken)} weights taken{left}{kept if self.missing else ''}"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a prior system named the weights of one network.

    Attributes:
        origin: the network and whose it is.
        network: what it becomes here.
        marks: names that are in such a file and in none of the others.
        renamed: what names begin with there, and here.
        left_out: what the names begin with of weights that have no counterpart, and why.
        by_class: what the names begin with of weights whose number is that of the classes, which may be others.
    """

    origin: str
    network: type[nn.Module]
    marks: tuple[str, ...]
    renamed: Mapping[str, str]
    left_out: Mapping[str, str]
    by_class: tuple[str, ...] = ()


OF_IMAGENET = "the classifier of ImageNet's thousand classes"
NOT_SYMMETRIC = "the head for two embeddings laid end to end, whose answer changes when they are swapped"
ONE_LAYER = "the embedding is made by a single linear layer here"
TORCHVISION_VGG16 = ("features.17.weight", "features.28.weight", "classifier.6.weight")

LAYOUTS = (
    Layout(
        origin="AlexNet or AlphaAlexNet of ImageIdentification",
        network=AlexNet,
        marks=("conv1.weight", "conv5.weight", "fc3.weight"),
        renamed={"conv": "features.conv", "fc": "classifier.fc"},
        left_out={},
        by_class=("fc3.",),
    ),
    Layout(
        origin="SiameseAlexNet of ImageIdentification",
        network=SiameseAlexNet,
        marks=("alexnet.features.0.weight",),
        renamed={"alexnet.features.": "branch.features."},
        left_out={"alexnet.classifier.": OF_IMAGENET, "feat_layer.": ONE_LAYER, "classifier.": NOT_SYMMETRIC,
                  "discritor.": NOT_SYMMETRIC},
    ),
    Layout(
        origin="AlphaWeightedVgg16Net of ImageIdentification",
        network=SiameseVGG16,
        marks=("vgg16.features.0.weight",),
        renamed={"vgg16.features.": "branch.features."},
        left_out={"vgg16.classifier.": OF_IMAGENET, "feat_layer.": ONE_LAYER, "discritor.": NOT_SYMMETRIC},
    ),
    Layout(
        origin="SiameseNetwork of image_retrieval",
        network=SiameseCNN,
        marks=("conv.0.weight", "conv.5.weight", "fc.2.weight"),
        renamed={"conv.": "features.", "fc.": "head."},
        left_out={},
    ),
    Layout(
        origin="ResNetEmbedding of image_retrieval",
        network=Embedder,
        marks=("backbone.conv1.weight", "backbone.fc.weight"),
        renamed={"backbone.fc.": "head.", "backbone.": "trunk."},
        left_out={},
    ),
    Layout(
        origin="AlexNet of torchvision",
        network=SiameseAlexNet,
        marks=("features.3.weight", "features.8.weight", "classifier.6.weight"),
        renamed={"features.": "branch.features."},
        left_out={"classifier.": OF_IMAGENET},
    ),
    Layout(
        origin="VGG16 of torchvision",
        network=SiameseVGG16,
        marks=TORCHVISION_VGG16,
        renamed={"features.": "branch.features."},
        left_out={"classifier.": OF_IMAGENET},
    ),
    Layout(
        origin="VGG16 of torchvision",
        network=DeepRanking,
        marks=TORCHVISION_VGG16,
        renamed={"features.": "features."},
        left_out={"classifier.": OF_IMAGENET},
    ),
)  # fmt: skip


def import_state(path: Path, network: nn.Module) -> ImportReport:
    """Gives a network the weights of a prior system, as far as they have a counterpart in it.

    Three input channels become nine where the network has nine, see ``first_convolution.widened``.

    Args:
        path: ``.pth``, ``.pt`` or ``.safetensors``, tensors by name; a prefix ``module.`` is ignored.
        network: changed in place, or left as it was where anything is raised.

    Raises:
        WeightsMissingError: if the file is not there.
        ExtractorUnavailableError: if it cannot be read, is of no known system, is for another network, or holds
            weights of another shape.
    """
    state = _without_wrapper(read_state(path))
    layout = _layout_of(state, network, path)
    wanted = network.state_dict()
    targets, left_out = _matched(state, layout, wanted)
    given = widen_state({target: state[name] for name, target in targets.items()}, wanted)
    for name, target in targets.items():
        if given[target].shape != wanted[target].shape:
            _require_other_classes(layout, path, name, given[target], wanted[target])
            left_out[name] = (
                f"the classifier is for {len(state[name])} classes, the network's for {len(wanted[target])}"
            )
            del given[target]
    network.load_state_dict(given, strict=False)
    missing = (name for name in wanted if name not in given and not name.endswith("num_batches_tracked"))
    return ImportReport(layout.origin, tuple(given), left_out, tuple(missing))


def _without_wrapper(state: State) -> State:
    """Names without the ``module.`` that training on several devices puts before them all."""
    if state and all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): weight for name, weight in state.items()}
    return state


def _layout_of(state: State, network: nn.Module, path: Path) -> Layout:
    recognised = [layout for layout in LAYOUTS if all(mark in state for mark in layout.marks)]
    for layout in recognised:
        if isinstance(network, layout.network):
            return layout
    ours = type(network).__name__
    if recognised:
        fitting = " or ".join(layout.network.__name__ for layout in recognised)
        raise ExtractorUnavailableError(
            f"{path} holds the weights of {recognised[0].origin}, which are for a network {fitting}, not {ours}"
        )
    suiting = [layout for layout in LAYOUTS if isinstance(network, layout.network)]
    expected = "; or ".join(f"{layout.origin} ({', '.join(layout.marks)} …)" for layout in suiting)
    raise ExtractorUnavailableError(
        f"{path} is of no prior system known here: it holds {', '.join(list(state)[:3]) or 'nothing'} …; "
        f"for a network {ours} {'those of ' + expected if expected else 'no weights of prior systems'} can be imported"
    )


def _matched(state: State, layout: Layout, wanted: State) -> tuple[dict[str, str], dict[str, str]]:
    """Of each weight its name here, or why it has none."""
    targets: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in state:
        reason = next((why for start, why in layout.left_out.items() if name.startswith(start)), None)
        target = _renamed(name, layout.renamed)
        if reason is None and target in wanted:
            targets[name] = target
        else:
            left_out[name] = reason or f"the network has no {target}"
    return targets, left_out


def _renamed(name: str, renamed: Mapping[str, str]) -> str:
    start = next((start for start in renamed if name.startswith(start)), None)
    return name if start is None else renamed[start] + name.removeprefix(start)


def _require_other_classes(layout: Layout, path: Path, name: str, weight: torch.Tensor, wanted: torch.Tensor) -> None:
    """A weight may be of another shape only where that is the number of classes."""
    if name.startswith(layout.by_class):
        return
    raise ExtractorUnavailableError(
        f"{path} holds {name} of shape {tuple(weight.shape)}, the network has {tuple(wanted.shape)} there: "
        "build it with the dimension, channels and widths the weights were trained with"
    )
