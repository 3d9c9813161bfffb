"""SOLAR: its parts in their order, and published weights in their place."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.networks.solar import Solar, published_state
from util.networks.states import fit_state


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def solar():
    """SOLAR on ResNet-50 whose attention blocks are not at zero any more."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = Solar(trunk="resnet50", dimension=64).eval()
        for block in (network.attention4, network.attention5):
            nn.init.normal_(block.v.weight, std=0.05)
        return network


def test_is_trunk_attention_pooling_and_whitening(solar, images):
    trunk = torchvision.models.resnet50(weights=None).eval()
    trunk.load_state_dict(solar.features.state_dict(), strict=False)
    with torch.inference_mode():
        features = trunk.layer2(trunk.layer1(trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(images))))))
        features = solar.attention5(trunk.layer4(solar.attention4(trunk.layer3(features))))
        pooled = features.clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)
        pooled = pooled / pooled.norm(dim=1, keepdim=True)
        expected = pooled @ solar.whiten.weight.T + solar.whiten.bias
        torch.testing.assert_close(solar(images), expected / expected.norm(dim=1, keepdim=True))


def test_half_precision_stays_close_and_of_unit_length(solar, images):
    with torch.inference_mode():
        expected = solar(images)
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = solar(images)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    assert (functional.cosine_similarity(embeddings, expected) > 0.99).all()


def test_imagenet_weights_fit_the_trunk():
    with torch.device("meta"):
        imagenet = torchvision.models.resnet101(weights=None).state_dict()
        solar = Solar()
    fitted = solar.features.load_state_dict(imagenet, strict=False)
    assert fitted.missing_keys == []
    assert fitted.unexpected_keys == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize(
    ("options", "shape", "attention"),
    [
        ({"dimension": 2048}, (2, 2048), {"attention4", "attention5"}),
        ({"dimension": 128, "attention": (5,), "pooling": "rmac"}, (2, 128), {"attention5"}),
        ({"attention": (), "pooling": "gemmp", "whitening": False}, (2, 2048), set()),
    ],
)
def test_parts_can_be_chosen(options, shape, attention):
    with torch.device("meta"):
        solar = Solar(trunk="resnet50", **options)
        assert solar(torch.empty(2, 3, 128, 96)).shape == shape
    assert {name.partition(".")[0] for name in solar.state_dict()} & {"attention4", "attention5"} == attention


def published_solar(trunk: nn.Module) -> nn.Module:
    """A network with the modules of the published one, nested and named as its checkpoint has them."""
    _, _, _, _, layer1, layer2, layer3, layer4 = list(trunk.children())[:8]

    def block(channels, middle):
        attention = nn.Module()
        for name in "fg":
            setattr(attention, name, nn.Sequential(nn.Conv2d(channels, middle, 1), nn.BatchNorm2d(middle), nn.ReLU()))
        attention.h, attention.v = nn.Conv2d(channels, middle, 1), nn.Conv2d(middle, channels, 1)
        attention.gamma = nn.Parameter(torch.zeros(1))
        return attention

    network = nn.Module()
    network.features = nn.Module()
    network.features.conv1 = nn.Sequential(trunk.conv1, trunk.bn1)
    network.features.conv2_x = nn.Sequential(trunk.relu, trunk.maxpool, layer1)
    network.features.conv3_x, network.features.conv4_x, network.features.conv5_x = layer2, layer3, layer4
    network.features.soa4, network.features.soa5 = block(1024, 256), block(2048, 1024)
    network.pool = nn.Module()
    network.pool.p = nn.Parameter(torch.full((1,), 2.9))
    network.whiten = nn.Linear(2048, 2048)
    return network


def test_the_published_solar_fits():
    trunk = torchvision.models.resnet50(weights=None)
    published = published_solar(trunk)
    with torch.device("meta"):
        solar = Solar(trunk="resnet50")
    fit_state(solar, published_state(published.state_dict()), source="published")
    assert torch.equal(solar.features.layer4[2].conv3.weight, trunk.layer4[2].conv3.weight)
    assert torch.equal(solar.attention4.g[0].weight, published.features.soa4.g[0].weight)
    assert torch.equal(solar.attention5.v.weight, published.features.soa5.v.weight)
    assert solar.pool.p.item() == pytest.approx(2.9)
    assert torch.equal(solar.whiten.bias, published.whiten.bias)


def test_published_gem_networks_fit():
    with torch.device("meta"):
        published = nn.Module()
        published.features = nn.Sequential(*list(torchvision.models.resnet101(weights=None).children())[:-2])
        published.pool = nn.Module()
        published.pool.p = nn.Parameter(torch.empty(1))
        published.whiten = nn.Linear(2048, 2048)
        solar = Solar(attention=())
        fit_state(solar, published_state(published.state_dict()), source="published")


def test_weights_of_something_else_are_refused():
    with pytest.raises(ExtractorUnavailableError, match=r"called 'meta': give the checkpoint's 'state_dict'"):
        published_state({"meta": torch.zeros(1)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trunk": "resnet18"}, "rests on 'resnet50' or 'resnet101', not on 'resnet18'"),
        ({"attention": (3, 4)}, r"after the stages 4 and 5, not \(3, 4\)"),
        ({"dimension": 0}, "2048 dimensions without whitening and at least 1 with it, not 0"),
        ({"dimension": 512, "whitening": False}, "2048 dimensions without whitening and at least 1 with it, not 512"),
        ({"pooling": "max"}, "no pooling is called 'max'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with torch.device("meta"), pytest.raises(InvalidInputError, match=message):
        Solar(**options)
