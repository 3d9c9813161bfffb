"""LA-Transformer on timm's smallest vision transformer: 160×160 pixels, 10×10 patches, 64 wide, six blocks."""

import pytest
import torch

from util.errors import InvalidInputError, UnknownExtractorError
from util.networks.la_transformer import LATransformer


def seeded(**options):
    torch.manual_seed(0)
    return LATransformer(**({"trunk": "test_vit", "dimension": 64} | options)).eval()


@pytest.mark.parametrize(
    ("options", "length"), [({}, 64), ({"dimension": 24}, 24), ({"dimension": 640, "join": "concatenate"}, 640),
                            ({"dimension": 10, "join": "concatenate", "parts": 3}, 10)]
)  # fmt: skip
def test_shapes(options, length):
    network, images = seeded(classes=5, **options), torch.randn(2, 3, 160, 160)
    embeddings, logits = network.embed_and_classify(images)
    assert embeddings.shape == (2, length)
    assert logits.shape == (2, options.get("parts", 10), 5)
    torch.testing.assert_close(embeddings, network(images))
    torch.testing.assert_close(logits, network.part_logits(images))


def test_only_another_length_needs_a_linear_layer():
    assert not list(seeded().head.parameters())
    assert not list(seeded(dimension=640, join="concatenate").head.parameters())
    assert seeded(dimension=640).head.weight.shape == (640, 64)


def test_the_papers_network():
    vit_base, classifier = 85_798_656, 769 * 256 + 2 * 256 + 257 * 751
    with torch.device("meta"):
        network = LATransformer(classes=751)
        assert network.part_logits(torch.empty(2, 3, 224, 224)).shape == (2, 14, 751)
    assert sum(weight.numel() for weight in network.parameters()) == vit_base + 14 * classifier


@pytest.mark.parametrize("weighting", [0.0, 1.0, 8.0])
def test_stripes_written_out(weighting):
    network, images = seeded(weighting=weighting, parts=5), torch.randn(1, 3, 160, 160)
    tokens = network.trunk.forward_features(images)[0]
    for part, vector in enumerate(network.part_vectors(images)[0]):
        rows = tokens[1 + 20 * part : 1 + 20 * (part + 1)]  # two rows of ten patches
        torch.testing.assert_close(vector, (tokens[0] + weighting * rows.mean(dim=0)) / (1 + weighting))


def test_joining():
    parts, images = seeded(), torch.randn(2, 3, 160, 160)
    whole = seeded(join="concatenate", dimension=640)
    torch.testing.assert_close(parts(images), parts.part_vectors(images).mean(dim=1))
    torch.testing.assert_close(whole(images), whole.part_vectors(images).reshape(2, 640))


def test_each_part_has_a_classifier_of_its_own():
    network, images = seeded(classes=3, parts=2), torch.randn(2, 3, 160, 160)
    logits = network.part_logits(images)
    for part in range(2):
        torch.testing.assert_close(logits[:, part], network.classifiers[part](network.part_vectors(images)[:, part]))
    assert not torch.allclose(logits[:, 0], logits[:, 1])


@pytest.mark.parametrize("size", [(128, 128), (100, 180)])
def test_other_sizes(size):
    assert seeded(channels=9)(torch.randn(1, 9, *size)).shape == (1, 64)


def test_two_prefix_tokens_are_no_patches():
    with torch.device("meta"):
        network = LATransformer(trunk="deit_tiny_distilled_patch16_224", dimension=192)
        assert network.trunk.num_prefix_tokens == 2
        assert network.part_vectors(torch.empty(1, 3, 224, 224)).shape == (1, 14, 192)


def test_gradients_reach_every_parameter():
    network = seeded(dimension=8, classes=3)
    embeddings, logits = network.embed_and_classify(torch.randn(2, 3, 160, 160))
    (embeddings.sum() + logits[..., 0].sum()).backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.any()] == []


def test_unfreezing_goes_from_the_last_block_to_the_first():
    network = seeded(dimension=8, classes=3)
    names = {weight: name for name, weight in network.named_parameters()}
    groups = [[names[weight] for weight in group] for group in network.unfreezing_groups()]
    assert sorted(name for group in groups for name in group) == sorted(names.values())
    assert {name.split(".")[0] for name in groups[0] if not name.startswith("trunk.norm.")} == {"head", "classifiers"}
    assert [{name.split(".")[2] for name in group} for group in groups[1:-1]] == [{str(n)} for n in (5, 4, 3, 2, 1, 0)]
    assert {name.split(".")[1] for name in groups[-1]} == {"patch_embed", "cls_token", "pos_embed"}


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"trunk": "test_vi"}, UnknownExtractorError, "test_vit"),
        ({"trunk": "resnet18"}, InvalidInputError, "no plain vision transformer"),
        ({"trunk": "vit_base_patch16_siglip_224"}, InvalidInputError, "with a class token"),
        ({"parts": 11}, InvalidInputError, "10 rows of patches can be cut into 1 to 10 parts, not into 11"),
        ({"parts": 0}, InvalidInputError, "not into 0"),
        ({"weighting": -1.0}, InvalidInputError, "at least 0, not -1"),
        ({"weighting": float("nan")}, InvalidInputError, "not nan"),
        ({"join": "sum"}, InvalidInputError, "'sum'"),
    ],
)
def test_what_cannot_be_built(options, error, part):
    with pytest.raises(error, match=part), torch.device("meta"):
        seeded(**options)


def test_without_classes_there_are_no_logits():
    with pytest.raises(InvalidInputError, match="no classifiers"):
        seeded().part_logits(torch.zeros(1, 3, 160, 160))
    with pytest.raises(InvalidInputError, match=r"\(N, 3, H, W\)"):
        seeded()(torch.zeros(1, 9, 160, 160))
