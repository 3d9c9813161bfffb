"""Settings: from presets, a file and the caller, checked as a whole."""

import pytest

from util.errors import InvalidInputError, UnknownExtractorError
from util.training.configuration import TrainingConfig, configure, read_yaml
from util.training.presets import PRESETS

LEAST = {"network": "compact_resnet", "train": "photos"}


def test_what_is_said_goes_over_the_file_and_the_file_over_the_presets(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("train: photos\nnetwork: compact_resnet\nepochs: 7\nlearning_rate: 0.5\n")
    config = configure({"learning_rate": 0.25, "epochs": None}, file=file)
    assert (config.learning_rate, config.epochs, config.optimizer) == (0.25, 7, PRESETS["compact_resnet"]["optimizer"])


def test_a_configuration_written_down_reads_back_the_same(tmp_path):
    config = configure({**LEAST, "augmentation": {"level": "light", "flip": True}, "seed": 9})
    file = tmp_path / "settings.yaml"
    file.write_text(config.as_yaml())
    assert configure({}, file=file) == config


@pytest.mark.parametrize("network", PRESETS)
def test_the_presets_of_every_network_are_settings(network):
    assert configure({"network": network, "train": "photos"}).network == network


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rat": 1}, "learning_rat: .*no such setting"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"name": "../up"}, "name: String should match"),
        ({"recipe": "square"}, "must make images of one size"),
        ({"recipe": "squar"}, "unknown step 'squar'"),
        ({"network": "alphaalexnet", "recipe": "resize=64"}, "takes 9 channels, the recipe makes 3"),
        ({"network": "siamese_alexnet", "objective": "embedding"}, "trained by the objective only pairs"),
        ({"objective": "pairs"}, "trained by the objective anything but pairs"),
        ({"augmentation": "wild"}, "wild"),
        ({"augmentation": {"level": "light", "flips": True}}, "flips"),
        ({"precision": "8"}, "precision"),
        ({"relevance": "orb"}, "relevance draws triplets, and the objective is embedding"),
        ({"objective": "triplets", "relevance": {"extractor": "orb", "out_of_class": 2}}, "relevance.out_of_class"),
        ({"objective": "triplets", "relevance": {"name": "orb"}}, "relevance.extractor: Field required"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(change, message):
    with pytest.raises(InvalidInputError, match=message) as raised:
        configure({**LEAST, **change})
    assert "\n" not in str(raised.value)


def test_an_unknown_network_is_told_which_there_are():
    with pytest.raises(UnknownExtractorError, match="compact_resnet"):
        configure({"network": "compact_resnit", "train": "photos"})


def test_a_network_has_to_be_named():
    with pytest.raises(InvalidInputError, match="which network"):
        configure({"train": "photos"})


@pytest.mark.parametrize("content", ["- a\n- b\n", "epochs: [1\n", "3: 4\n", "\xff"])
def test_a_file_that_holds_no_settings_is_said_to(tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInputError, match="settings.yaml") as raised:
        read_yaml(file)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_said_to(tmp_path):
    with pytest.raises(InvalidInputError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        TrainingConfig.model_validate(configure(LEAST).model_dump()).seed = 3
