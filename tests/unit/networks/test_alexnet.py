"""AlexNet of the original size: the paper's shapes, and the same numbers as its layers written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError
from util.networks.alexnet import AlexNet, AlphaAlexNet
from util.networks.first_convolution import widen_state
from util.networks.states import state_digest


def seeded(kind=AlexNet, seed=0, **options):
    torch.manual_seed(seed)
    return kind(**options).eval()


def written_out(state, images):
    """The last maps, (N, 256, h, w)."""
    convolve = {
        number: (state[f"features.conv{number}.weight"], state[f"features.conv{number}.bias"]) for number in range(1, 6)
    }
    maps = functional.max_pool2d(functional.conv2d(images, *convolve[1], stride=4, padding=2).relu(), 3, 2)
    maps = functional.max_pool2d(functional.conv2d(maps, *convolve[2], padding=2).relu(), 3, 2)
    for number in (3, 4, 5):
        maps = functional.conv2d(maps, *convolve[number], padding=1).relu()
    return functional.max_pool2d(maps, 3, 2)


def test_the_maps_are_as_wide_as_the_paper_says():
    widths = {}
    with torch.device("meta"):
        network = AlexNet()
        for name, layer in network.features.named_children():
            layer.register_forward_hook(lambda _, __, output, name=name: widths.update({name: output.shape[-2:]}))
        network(torch.empty(1, 3, 224, 224))
    shown = {name: tuple(size) for name, size in widths.items() if "relu" not in name}
    assert shown == {
        "conv1": (55, 55), "pool1": (27, 27), "conv2": (27, 27), "pool2": (13, 13),
        "conv3": (13, 13), "conv4": (13, 13), "conv5": (13, 13), "pool5": (6, 6),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options", "count"),
    [
        (AlexNet, {"classes": 1000}, 62_378_344),
        (AlexNet, {"classes": 10}, 62_378_344 - 990 * 4097),
        (AlexNet, {}, 34_944 + 614_656 + 885_120 + 1_327_488 + 884_992),
        (AlexNet, {"dimension": 64}, 3_747_200 + 257 * 64),
        (AlexNet, {"batch_norm": True}, 3_747_200 + 96 + 256 + 384 + 384 + 256),
        (AlphaAlexNet, {}, 3_747_200 + 96 * 6 * 11 * 11),
        (AlphaAlexNet, {"linear": True}, 3_747_200 + 96 * 6 * 11 * 11 + 257 * 256),
    ],
)
def test_parameters(kind, options, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in kind(**options).parameters()) == count


def test_the_embedding_is_the_largest_value_of_each_map():
    network, images = seeded(), torch.randn(2, 3, 95, 80)
    expected = written_out(network.state_dict(), images).flatten(2).max(dim=2).values
    torch.testing.assert_close(network(images), expected)


def test_another_dimension_is_a_linear_layer_of_that():
    network, images = seeded(dimension=24), torch.randn(2, 3, 63, 63)
    maxima = written_out(network.state_dict(), images).amax(dim=(2, 3))
    torch.testing.assert_close(network(images), maxima @ network.head.weight.T + network.head.bias)


def test_the_classifier_sees_the_maps_averaged_to_the_grid():
    network, images = seeded(classes=5, hidden=32), torch.randn(2, 3, 224, 224)
    maps = written_out(network.state_dict(), images)
    hidden = functional.relu(functional.linear(maps.reshape(2, 9216), network.classifier.fc1.weight))
    expected = network.classifier.fc3(network.classifier.fc2(hidden).relu())
    torch.testing.assert_close(network.logits(images), expected)


def test_one_pass_gives_what_two_give():
    network, images = seeded(dimension=16, classes=3, hidden=32, batch_norm=True), torch.randn(2, 3, 70, 70)
    embeddings, logits = network.embed_and_classify(images)
    assert embeddings.shape == (2, 16)
    assert logits.shape == (2, 3)
    torch.testing.assert_close(embeddings, network(images))
    torch.testing.assert_close(logits, network.logits(images))


def test_nine_channels_start_from_three():
    three, nine = seeded(classes=4, hidden=16), seeded(AlphaAlexNet, seed=1, classes=4, hidden=16)
    nine.load_state_dict(widen_state(three.state_dict(), nine.state_dict()))
    images = torch.randn(2, 3, 63, 63)
    torch.testing.assert_close(nine(images.repeat(1, 3, 1, 1)), three(images))
    torch.testing.assert_close(nine.logits(images.repeat(1, 3, 1, 1)), three.logits(images))


def test_a_deep_embedding_keeps_the_scale_of_the_images():
    output = seeded()(torch.randn(8, 3, 96, 96))
    assert 0.1 < output.mean() < 10
    assert output.std(dim=0).mean() > 0.02


def test_dropout_follows_the_two_hidden_layers():
    layers = list(seeded(classes=2, hidden=8).classifier)
    after = [layers[place - 2] for place, layer in enumerate(layers) if isinstance(layer, nn.Dropout)]
    assert [type(layer) for layer in after] == [nn.Linear, nn.Linear]
    assert isinstance(layers[-1], nn.Linear)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_reach_every_parameter(batch_norm):
    network = seeded(AlphaAlexNet, dimension=8, classes=3, hidden=16, batch_norm=batch_norm)
    embeddings, logits = network.embed_and_classify(torch.randn(2, 9, 63, 63))
    (embeddings.sum() + logits[:, 0].sum()).backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.any()] == []


def test_a_seed_says_all():
    assert state_digest(seeded(dimension=8)) == state_digest(seeded(dimension=8))
    assert state_digest(seeded(dimension=8)) != state_digest(seeded(seed=1, dimension=8))


@pytest.mark.parametrize(
    ("kind", "channels", "part"),
    [
        (AlexNet, 9, r"\(N, 3, H, W\)"),
        (AlphaAlexNet, 3, "the nine channels being RGB, then RGB with its under-exposure"),
    ],
)
def test_other_channels_are_refused(kind, channels, part):
    with pytest.raises(InvalidInputError, match=part):
        seeded(kind)(torch.zeros(1, channels, 63, 63))


@pytest.mark.parametrize("method", ["logits", "embed_and_classify"])
def test_without_classes_there_are_no_logits(method):
    with pytest.raises(InvalidInputError, match="AlphaAlexNet has no classifier"):
        getattr(seeded(AlphaAlexNet), method)(torch.zeros(1, 9, 63, 63))
