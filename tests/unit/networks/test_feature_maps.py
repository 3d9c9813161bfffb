"""Feature maps: what they return is what is said of them, and the trunks' weights fit."""

import pytest
import torch

from util.errors import InvalidInputError, UnknownExtractorError
from util.networks.feature_maps import build_feature_map, torchvision_map
from util.networks.trunks import build_trunk

TORCHVISION = ["alexnet", "vgg16", "resnet50", "efficientnet_b0", "mobilenet_v3_small"]
TIMM = ["timm:test_resnet", "timm:test_efficientnet", "timm:test_convnext"]


@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM, "timm:mobilenetv3_small_100", "timm:regnety_002"])
def test_returns_a_map_with_the_channels_it_says(name):
    with torch.device("meta"):
        network, channels = build_feature_map(name)
        features = network.eval()(torch.empty(2, 3, 160, 224))
    assert features.shape[:2] == (2, channels)
    height, width = features.shape[2:]
    assert 1 < height < width


@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM])
def test_the_weights_of_the_trunk_fit(name):
    with torch.device("meta"):
        network, trunk = build_feature_map(name)[0], build_trunk(name)[0]
    shapes = {key: value.shape for key, value in trunk.state_dict().items()}
    assert {key: value.shape for key, value in network.state_dict().items()} == shapes


def test_the_mean_of_the_map_is_what_the_trunk_returns():
    network, trunk = (build("timm:test_resnet")[0].eval() for build in (build_feature_map, build_trunk))
    network.load_state_dict(trunk.state_dict())
    images = torch.rand(2, 3, 96, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images).mean(dim=(2, 3)), trunk(images))


def test_alexnet_ends_before_its_last_maximum_and_is_not_negative():
    network, trunk = build_feature_map("alexnet")[0].eval(), build_trunk("alexnet")[0].eval()
    network.load_state_dict(trunk.state_dict())
    images = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        features = network(images)
        pooled = torch.nn.functional.max_pool2d(features, 3, 2)
        torch.testing.assert_close(pooled, trunk.features(images))
    assert features.shape == (1, 256, 13, 13)
    assert features.min() >= 0


def test_real_networks_have_weights_and_no_meta_tensors():
    network, _ = build_feature_map("timm:test_resnet")
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())


@pytest.mark.parametrize(
    "name", ["vit_b_16", "timm:test_vit", "timm:swin_tiny_patch4_window7_224", "timm:mixer_s32_224"]
)
def test_networks_without_a_map_are_refused(name):
    with torch.device("meta"), pytest.raises(InvalidInputError, match=f"'{name}' ends with no map of channels"):
        build_feature_map(name)


def test_unknown_networks_are_refused():
    with pytest.raises(UnknownExtractorError, match="no network is called 'alexnett'"):
        build_feature_map("alexnett")
    with pytest.raises(InvalidInputError, match="'no_such_network' ends with no map"):
        torchvision_map("no_such_network")
