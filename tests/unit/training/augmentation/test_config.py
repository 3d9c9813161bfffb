import pytest
from pydantic import ValidationError

from util.errors import InvalidInputError
from util.training.augmentation import LEVELS, AugmentationConfig

GROWING = [
    "stretch",
    "rotation",
    "perspective",
    "uneven_light",
    "shadow",
    "brightness",
    "gamma",
    "colour_temperature",
    "saturation",
    "blur",
    "noise",
    "occlusion",
    "light_chance",
    "defect_chance",
    "new_background",
]


def test_each_level_is_at_least_as_strong_as_the_one_before():
    levels = [AugmentationConfig.at_level(level) for level in LEVELS]
    for name in GROWING:
        strengths = [getattr(level, name) for level in levels]
        assert strengths == sorted(strengths) and strengths[0] == 0 < strengths[-1], name
    for name in ("min_crop_area", "jpeg_quality"):
        bounds = [getattr(level, name) for level in levels]
        assert bounds == sorted(bounds, reverse=True), name


@pytest.mark.parametrize("level", LEVELS)
def test_no_level_mirrors_or_turns_hues(level):
    config = AugmentationConfig.at_level(level)
    assert not (config.flip or config.vertical_flip or config.quarter_turns or config.hue)


def test_the_default_is_standard():
    assert AugmentationConfig() == AugmentationConfig.at_level("standard")


def test_none_moves_nothing():
    assert not AugmentationConfig.none().moves
    assert AugmentationConfig.at_level("none", flip=True).moves


@pytest.mark.parametrize(
    ("level", "changes", "message"),
    [
        ("heavy", {}, "no augmentation level 'heavy': use one of none, light, standard, strong"),
        ("light", {"rotate": 3}, "rotate = 3: Extra inputs are not permitted"),
        ("light", {"rotation": 90}, "rotation = 90: Input should be less than or equal to 45"),
        ("strong", {"min_crop_area": 0}, "min_crop_area = 0: Input should be greater than or equal to 0.1"),
        ("none", {"plain_background": "pink"}, "plain_background = 'pink': Input should be 'black', 'white' or 'grey'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(level, changes, message):
    with pytest.raises(InvalidInputError) as caught:
        AugmentationConfig.at_level(level, **changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        AugmentationConfig().rotation = 3
