"""Every network of the table, and timm's: what they return is what is said of them."""

import pytest
import torch

from util.errors import ExtractorUnavailableError, UnknownExtractorError
from util.networks.card import ModelCard
from util.networks.embedder import build_from_card
from util.networks.timm_models import timm_model
from util.networks.trunks import TRUNKS, build_trunk, find_trunk

TIMM = ["timm:test_resnet", "timm:test_vit", "timm:test_efficientnet", "timm:vgg11", "timm:mobilenetv3_small_100"]


@pytest.mark.parametrize("name", [*TRUNKS, *TIMM])
def test_returns_a_vector_of_the_length_it_says(name):
    with torch.device("meta"):
        network, length = build_trunk(name)
        side = (find_trunk(name).only or (224, 224))[0]
        output = network.eval()(torch.empty(2, 3, side, side))
    assert output.shape == (2, length)


@pytest.mark.parametrize("name", ["alexnet", "mobilenet_v3_small", "timm:test_resnet"])
def test_the_smallest_image_it_says_it_takes_goes_through(name):
    network, length = build_trunk(name)
    side = find_trunk(name).smallest
    with torch.inference_mode():
        assert network.eval()(torch.zeros(1, 3, side, side)).shape == (1, length)


def test_one_pixel_less_does_not():
    network, _ = build_trunk("alexnet")
    with torch.inference_mode(), pytest.raises(RuntimeError, match="too small"):
        network.eval()(torch.zeros(1, 3, 62, 62))


def test_vgg16_takes_32_pixels_and_no_fewer():
    with torch.device("meta"):
        network, length = build_trunk("vgg16")
        assert network(torch.empty(1, 3, 32, 32)).shape == (1, length)
        with pytest.raises(RuntimeError, match="too small"):
            network(torch.empty(1, 3, 31, 31))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alexnett", "no network is called 'alexnett': there are alexnet, .*vgg16.* and timm:NAME"),
        ("timm:resnt18", "timm has no model 'resnt18'; close to it: .*resnet18"),
        ("timm:resnet18.nobody", "timm has no weights 'nobody' for 'resnet18'; there are: .*a1_in1k"),
        ("timm:", "timm has no model ''"),
    ],
)
def test_unknown_networks_are_refused_with_the_closest(name, message):
    with pytest.raises(UnknownExtractorError, match=message):
        find_trunk(name)


def test_what_timm_knows_of_a_model_is_read():
    vit = timm_model("test_vit")
    assert (vit.size, vit.only, vit.classifier) == ((160, 160), (160, 160), ("head.",))
    assert (vit.has_weights, vit.repository) == (True, "timm/test_vit.r160_in1k")
    assert timm_model("vit_base_patch16_siglip_224").mean == (0.5, 0.5, 0.5)


def card(**changes) -> ModelCard:
    fields = {"network": "timm:test_resnet", "dimension": 16, "recipe": "", "mean": (0, 0, 0), "std": (1, 1, 1)}
    return ModelCard(**fields | changes)


def test_a_linear_head_makes_the_embedding():
    embedder = build_from_card(card(head="linear")).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = embedder.trunk(images) @ embedder.head.weight.T + embedder.head.bias
        torch.testing.assert_close(embedder(images), expected)
    assert embedder(images).shape == (2, 16)


def test_without_a_head_the_trunk_is_the_embedding():
    _, width = build_trunk("timm:test_resnet")
    embedder = build_from_card(card(dimension=width)).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(embedder(images), embedder.trunk(images))
    assert all(name.startswith("trunk.") for name in embedder.state_dict())


def test_a_wrong_dimension_without_a_head_is_refused():
    with pytest.raises(ExtractorUnavailableError, match='has 16 dimensions, it has .*set "head" to "linear"'):
        build_from_card(card())
