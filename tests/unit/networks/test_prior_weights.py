"""Weights of prior systems: the same numbers come out of our networks, and what cannot be taken is said."""

import re

import pytest
import torch
import torchvision.models
from torch import nn
from torch.nn import functional

from util.errors import ExtractorUnavailableError, WeightsMissingError
from util.networks.alexnet import AlexNet, AlphaAlexNet
from util.networks.deepranking import DeepRanking
from util.networks.embedder import Embedder
from util.networks.prior_weights import LAYOUTS, import_state
from util.networks.siamese import SiameseAlexNet, SiameseVGG16
from util.networks.siamese_cnn import SiameseCNN
from util.networks.states import state_digest


@pytest.fixture
def saved(tmp_path):
    def save(state, name="prior.pth"):
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return save


def layers(shapes):
    """A state dict of weights drawn small enough that nothing overflows, with biases."""
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape) / max(1, torch.tensor(shape[1:]).prod()) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0])
    return state


def empty(shapes):
    """Weights that are all one zero, so that the largest network makes a small file."""
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


def like(network):
    return empty({name: weight.shape for name, weight in network.state_dict().items()})


def prior_alexnet(channels=3, classes=10, hidden=12):
    return layers(
        {
            "conv1": (96, channels, 11, 11), "conv2": (256, 96, 5, 5), "conv3": (384, 256, 3, 3),
            "conv4": (384, 384, 3, 3), "conv5": (256, 384, 3, 3),
            "fc1": (hidden, 9216), "fc2": (hidden, hidden), "fc3": (classes, hidden),
        }
    )  # fmt: skip


def prior_maps(state, images):
    def convolved(maps, number, **options):
        return functional.conv2d(maps, state[f"conv{number}.weight"], state[f"conv{number}.bias"], **options).relu()

    maps = functional.max_pool2d(convolved(images, 1, stride=4, padding=2), 3, 2)
    maps = functional.max_pool2d(convolved(maps, 2, padding=2), 3, 2)
    return functional.max_pool2d(convolved(convolved(convolved(maps, 3, padding=1), 4, padding=1), 5, padding=1), 3, 2)


def prior_logits(state, images):
    values = prior_maps(state, images).reshape(len(images), 9216)
    for name in ("fc1", "fc2"):
        values = functional.linear(values, state[f"{name}.weight"], state[f"{name}.bias"]).relu()
    return functional.linear(values, state["fc3.weight"], state["fc3.bias"])


@pytest.mark.parametrize(
    ("channels", "build", "prefix"), [(3, AlexNet, ""), (9, AlphaAlexNet, ""), (9, AlphaAlexNet, "module.")]
)
def test_alexnet_answers_as_it_did(saved, channels, build, prefix):
    state = prior_alexnet(channels)
    network = build(classes=10, hidden=12).eval()
    report = import_state(saved({prefix + name: weight for name, weight in state.items()}), network)
    images = torch.randn(1, channels, 224, 224)
    torch.testing.assert_close(network.logits(images), prior_logits(state, images), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network(images), prior_maps(state, images).amax(dim=(2, 3)), rtol=1e-4, atol=1e-4)
    assert len(report.taken) == 16
    assert (report.left_out, report.missing) == ({}, ())


def test_three_channels_start_nine(saved):
    state = prior_alexnet()
    network = AlphaAlexNet().eval()
    report = import_state(saved(state), network)
    images = torch.randn(1, 3, 63, 63)
    expected = prior_maps(state, images).amax(dim=(2, 3))
    torch.testing.assert_close(network(images.repeat(1, 3, 1, 1)), expected, rtol=1e-4, atol=1e-4)
    assert report.left_out["fc1.weight"] == "the network has no classifier.fc1.weight"
    assert set(report.left_out) == {f"fc{number}.{kind}" for number in (1, 2, 3) for kind in ("weight", "bias")}


def test_other_classes_keep_all_but_the_last_layer(saved):
    network = AlexNet(classes=4, hidden=12, dimension=8)
    before = network.classifier.fc3.weight.clone()
    report = import_state(saved(prior_alexnet()), network)
    assert set(report.left_out) == {"fc3.weight", "fc3.bias"}
    assert report.missing == ("head.weight", "head.bias", "classifier.fc3.weight", "classifier.fc3.bias")
    assert torch.equal(network.classifier.fc3.weight, before)
    assert report.summary == (
        "AlexNet or AlphaAlexNet of ImageIdentification: 14 weights taken; 2 left out (the classifier is for 10 "
        "classes, the network's for 4); 4 of the network are not from the file: head.weight, head.bias, "
        "classifier.fc3.weight, classifier.fc3.bias"
    )


def test_siamese_alexnet_keeps_the_trunk(saved):
    with torch.device("meta"):
        published = torchvision.models.alexnet(weights=None).state_dict()
    features = torchvision.models.alexnet(weights=None, num_classes=2).features.state_dict()
    state = {f"alexnet.features.{name}": weight for name, weight in features.items()}
    state |= empty({f"alexnet.{name}": w.shape for name, w in published.items() if name.startswith("classifier.")})
    state |= empty({"feat_layer.0.weight": (4096, 9216), "classifier.1.weight": (4096, 18432)})
    network = SiameseAlexNet(dimension=8, grid=1, hidden=8)
    report = import_state(saved(state), network)
    for name, weight in features.items():
        assert torch.equal(network.branch.features.state_dict()[name], weight)
    assert len(report.taken) == 10
    assert "laid end to end" in report.left_out["classifier.1.weight"]
    assert "thousand" in report.left_out["alexnet.classifier.1.weight"]
    assert "single linear layer" in report.left_out["feat_layer.0.weight"]
    assert {name.partition(".")[0] for name in report.missing} == {"branch", "head"}


def test_the_siamese_network_of_flowers_answers_as_it_did(saved):
    prior = nn.ModuleDict(
        {
            "conv": nn.Sequential(
                nn.Conv2d(3, 32, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
                nn.Conv2d(32, 64, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
            ),
            "fc": nn.Sequential(nn.Linear(64 * 13 * 13, 512), nn.PReLU(), nn.Linear(512, 128)),
        }
    ).eval()  # fmt: skip
    network = SiameseCNN().eval()
    report = import_state(saved(prior.state_dict()), network)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network(images), prior["fc"](prior["conv"](images).flatten(1)))
    assert (len(report.taken), report.left_out, report.missing) == (11, {}, ())


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
@pytest.mark.parametrize("channels", [3, 9])
def test_torchvisions_own_weights(saved, name, channels):
    with torch.device("meta"):
        published = torchvision.models.get_model(name, weights=None)
    kinds = [SiameseAlexNet] if name == "alexnet" else [SiameseVGG16, DeepRanking]
    for kind in kinds:
        report = import_state(saved(like(published)), kind(channels=channels, dimension=4, hidden=4))
        assert len(report.taken) == len(published.features.state_dict())
        assert {key.partition(".")[0] for key in report.left_out} == {"classifier"}


def test_the_other_networks_are_taken_whole_or_for_their_trunk(saved):
    with torch.device("meta"):
        resnet, vgg = torchvision.models.resnet50(num_classes=128), torchvision.models.vgg16()
    embedder = Embedder.of_trunk("resnet50", dimension=128, head="linear")
    report = import_state(saved({f"backbone.{key}": w for key, w in like(resnet).items()}), embedder)
    assert (report.left_out, report.missing) == ({}, ())
    assert not embedder.head.weight.any()

    state = {f"vgg16.{key}": weight for key, weight in like(vgg).items()} | empty({"discritor.0.weight": (512, 1024)})
    report = import_state(saved(state), SiameseVGG16(dimension=4, hidden=4))
    assert len(report.taken) == 26
    assert "laid end to end" in report.left_out["discritor.0.weight"]


def test_what_nobody_knows_is_left_out(saved):
    report = import_state(saved(prior_alexnet() | {"extra.weight": torch.zeros(3)}), AlexNet())
    assert report.left_out["extra.weight"] == "the network has no extra.weight"


@pytest.mark.parametrize(
    ("state", "network", "part"),
    [
        ({"a.weight": torch.zeros(1), "b": torch.zeros(1)}, AlexNet,
         "known here: it holds a.weight, b …; for a network AlexNet those of AlexNet or AlphaAlexNet of "
         "ImageIdentification (conv1.weight, conv5.weight, fc3.weight …) can be imported"),
        ({}, SiameseCNN, "it holds nothing …"),
        ({"x": torch.zeros(1)}, lambda: nn.Linear(1, 1), "network Linear no weights of prior systems can be imported"),
        (empty({"conv1.weight": (96, 3, 11, 11), "conv5.weight": (1,), "fc3.weight": (1,)}), SiameseCNN,
         "holds the weights of AlexNet or AlphaAlexNet of ImageIdentification, which are for a network AlexNet, not"),
        (empty(dict.fromkeys(LAYOUTS[-1].marks, (1,))), AlexNet, "for a network SiameseVGG16 or DeepRanking, not"),
        (empty({"conv1.weight": (96, 9, 11, 11), "conv5.weight": (256, 384, 3, 3), "fc3.weight": (1,)}), AlexNet,
         "holds conv1.weight of shape (96, 9, 11, 11), the network has (96, 3, 11, 11) there: build it with"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_change_nothing(saved, state, network, part):
    built = network()
    before = state_digest(built)
    with pytest.raises(ExtractorUnavailableError, match=re.escape(part)) as caught:
        import_state(saved(state), built)
    assert "\n" not in str(caught.value)
    assert state_digest(built) == before


def test_no_file_and_no_weights(tmp_path, saved):
    with pytest.raises(WeightsMissingError, match="no weights at"):
        import_state(tmp_path / "none.pth", AlexNet())
    (tmp_path / "deepranking.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ExtractorUnavailableError, match=r"deepranking\.h5 cannot be read as weights"):
        import_state(tmp_path / "deepranking.h5", DeepRanking(dimension=4, hidden=4))
    with pytest.raises(ExtractorUnavailableError, match="cannot be read as weights"):
        import_state(saved(nn.Linear(2, 2), "whole.pth"), SiameseCNN())
