"""Siamese networks: symmetric to the last bit, and not blind to a difference."""

import pytest
import torch
import torchvision.models
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from util.errors import InvalidInputError
from util.networks.convolution_branch import ConvolutionBranch, torchvision_convolutions
from util.networks.first_convolution import widen_state
from util.networks.siamese import DIFFERENT, SAME, PairHead, SiameseAlexNet, SiameseNetwork, SiameseVGG16
from util.networks.siamese_cnn import SiameseCNN

SMALL = {"dimension": 24, "hidden": 16}


def seeded(kind=SiameseAlexNet, **options):
    torch.manual_seed(0)
    return kind(**(SMALL | options)).eval()


@pytest.fixture(scope="module")
def alexnet():
    return seeded(grid=2)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        # torchvision's features, the linear layer, and the pair head 1024 → 512 → 2
        (SiameseAlexNet, 2_469_696 + 9216 * 512 + 512 + 1024 * 512 + 512 + 1026),
        (SiameseVGG16, 14_714_688 + 512 * 512 + 512 + 1024 * 512 + 512 + 1026),
    ],
)
def test_parameters(kind, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in kind().parameters()) == count


@pytest.mark.parametrize(("kind", "side"), [(SiameseAlexNet, 63), (SiameseVGG16, 32)])
@pytest.mark.parametrize("channels", [3, 9])
def test_shapes(kind, side, channels):
    network = seeded(kind, channels=channels)
    a, b = torch.randn(2, 3, channels, side, side)
    assert network.dimension == 24
    assert network(a).shape == network.branch(a).shape == (3, 24)
    assert network(a, b).shape == (3, 2)


def test_the_order_of_a_pair_changes_no_bit(alexnet):
    a, b = torch.randn(2, 4, 3, 63, 63)
    assert torch.equal(alexnet(a, b), alexnet(b, a))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(1e-3, 1e3))
def test_the_head_is_symmetric_and_blind_to_length(seed, dimension, factor):
    torch.manual_seed(seed)
    head = PairHead(dimension=dimension, hidden=8).eval()
    a, b = torch.randn(2, 5, dimension)
    assert torch.equal(head(a, b), head(b, a))
    torch.testing.assert_close(head(a * factor, b), head(a, b), rtol=1e-3, atol=1e-4)


def test_an_image_and_itself_are_no_pair_of_two(alexnet):
    a, b = torch.randn(2, 4, 3, 63, 63)
    same, other = alexnet(a, a), alexnet(a, b)
    assert (same - other).abs().amax(dim=1).min() > 1e-3


def test_the_head_can_learn_to_compare():
    torch.manual_seed(0)
    head = PairHead(dimension=16, hidden=32, dropout=0.0)
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(60):
        items = torch.randn(64, 16)
        others = torch.cat([items[:32] + 0.3 * torch.randn(32, 16), torch.randn(32, 16)])
        labels = torch.tensor([SAME] * 32 + [DIFFERENT] * 32)
        optimiser.zero_grad()
        nn.functional.cross_entropy(head(items, others), labels).backward()
        optimiser.step()
    unseen = torch.randn(200, 16)
    assert (head(unseen, unseen + 0.3 * torch.randn(200, 16)).argmax(1) == SAME).float().mean() > 0.95
    assert (head(unseen, torch.randn(200, 16)).argmax(1) == DIFFERENT).float().mean() > 0.95


def test_the_head_computes_what_it_says():
    torch.manual_seed(0)
    head = PairHead(dimension=4, hidden=8).eval()
    a, b = torch.randn(2, 3, 4)
    rows = []
    for one, two in zip(a.tolist(), b.tolist(), strict=True):
        one, two = ([2 * x / sum(y * y for y in row) ** 0.5 for x in row] for row in (one, two))
        seen = [abs(x - y) for x, y in zip(one, two, strict=True)] + [x * y for x, y in zip(one, two, strict=True)]
        hidden = [max(0.0, h) for h in (head.layers[0].weight @ torch.tensor(seen) + head.layers[0].bias).tolist()]
        rows.append(head.layers[3](torch.tensor(hidden)))
    torch.testing.assert_close(head(a, b), torch.stack(rows))


def test_one_query_against_many(alexnet):
    queries, candidates = torch.randn(2, 24), torch.randn(5, 24)
    table = alexnet.pair_logits(queries[:, None], candidates[None])
    assert table.shape == (2, 5, 2)
    torch.testing.assert_close(alexnet.pair_logits(queries[:1], candidates), table[0])
    one_by_one = torch.stack([alexnet.pair_logits(queries[1], candidate) for candidate in candidates])
    torch.testing.assert_close(one_by_one, table[1])


def test_probabilities_are_those_of_the_first_column(alexnet):
    a, b = torch.randn(2, 6, 24)
    logits = alexnet.pair_logits(a, b)
    torch.testing.assert_close(alexnet.same_probability(a, b), torch.sigmoid(logits[:, SAME] - logits[:, DIFFERENT]))


def test_embedding_once_is_the_same_as_comparing_images(alexnet):
    a, b = torch.randn(2, 3, 3, 63, 63)
    torch.testing.assert_close(alexnet(a, b), alexnet.pair_logits(alexnet(a), alexnet(b)))


def test_any_embedding_network_can_be_the_branch():
    network = SiameseNetwork(branch=SiameseCNN(dimension=12, grid=2, hidden=8), hidden=8).eval()
    assert network.dimension == 12
    assert network(torch.randn(2, 3, 20, 20), torch.randn(2, 3, 20, 20)).shape == (2, 2)


@pytest.mark.parametrize("kind", [SiameseAlexNet, SiameseVGG16])
def test_gradients_reach_every_parameter(kind):
    network = seeded(kind, grid=1)
    a, b = torch.randn(2, 2, 3, 63, 63)
    nn.functional.cross_entropy(network(a, b), torch.tensor([SAME, DIFFERENT])).backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.any()] == []


@pytest.mark.parametrize(("name", "kind"), [("alexnet", SiameseAlexNet), ("vgg16", SiameseVGG16)])
def test_torchvision_weights_fit(name, kind):
    with torch.device("meta"):
        published = torchvision.models.get_model(name, weights=None).state_dict()
        features = {key: weight for key, weight in published.items() if key.startswith("features.")}
        left = kind().branch.load_state_dict(features, strict=False)
        assert left.unexpected_keys == []
        assert left.missing_keys == ["head.weight", "head.bias"]
        wide = kind(channels=9).branch
        assert wide.load_state_dict(widen_state(features, wide.state_dict()), strict=False).unexpected_keys == []


def test_the_convolutions_are_torchvisions():
    published = torchvision.models.alexnet(weights=None).eval()
    branch = ConvolutionBranch(trunk="alexnet", dimension=8, grid=6)
    branch.features.load_state_dict(published.features.state_dict())
    images = torch.randn(2, 3, 224, 224)
    expected = branch.head(published.avgpool(published.features(images)).flatten(1))
    torch.testing.assert_close(branch(images), expected)


def test_the_maximum_of_each_map():
    branch = ConvolutionBranch(trunk="vgg16", dimension=8, maximum=True)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(branch(images), branch.head(branch.features(images).amax(dim=(2, 3))))


def test_bad_branches_are_refused():
    with pytest.raises(InvalidInputError, match="there are alexnet, vgg16"):
        torchvision_convolutions("vgg")
    with pytest.raises(InvalidInputError, match="nine channels being"):
        seeded(channels=9)(torch.zeros(1, 3, 63, 63))
