"""docs/training.md says what is so: its tables hold what the code has."""

import re
from pathlib import Path

import pytest
import yaml

from util.metric_learning.losses import LOSSES
from util.metric_learning.miners import MINERS
from util.metric_learning.samplers import SAMPLERS
from util.networks.catalogue import NETWORKS, network_names
from util.training.augmentation import LEVELS, AugmentationConfig
from util.training.configuration import TrainingConfig
from util.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its own heading."""
    _, _, below = PAGE.partition(f"\n## {heading}\n")
    table = re.search(r"^\|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", below, flags=re.MULTILINE)
    assert table, f"no table below {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]


def written(default: object) -> str:
    return yaml.safe_dump(default).replace("\n...", "").strip()


def test_every_setting_is_explained_with_its_default():
    explained = {cells[0].strip("`"): cells[1] for cells in rows("All settings")}
    assert list(explained) == list(TrainingConfig.model_fields)
    for name, field in TrainingConfig.model_fields.items():
        if name == "augmentation":
            assert AugmentationConfig.at_level(explained[name].strip("`")) == AugmentationConfig()
        elif field.is_required():
            assert explained[name] in ("–", "the network's"), name
        else:
            assert explained[name] == f"`{written(field.get_default(call_default_factory=True))}`", name


def test_every_network_of_the_catalogue_is_described_as_it_is():
    described = [
        (f"`{name}`", str(kind.size), ", ".join(map(str, kind.channels)), str(kind.dimension), kind.summary)
        for name, kind in NETWORKS.items()
    ]
    assert [tuple(cells) for cells in rows("Networks")] == described


NAMES = [*network_names(), *LOSSES, *MINERS, *SAMPLERS, *LEVELS, *AugmentationConfig.model_fields]


@pytest.mark.parametrize("name", dict.fromkeys(NAMES))
def test_everything_that_is_chosen_by_name_is_named(name):
    assert f"`{name}`" in PAGE


def test_every_objective_is_explained():
    kinds = TrainingConfig.model_json_schema()["properties"]["objective"]["enum"]
    assert [cells[0].strip("`") for cells in rows("Objectives, losses, miners, samplers")] == kinds


def test_every_file_of_a_run_is_explained():
    folder = RunFolder(Path("run"))
    files = (folder.settings, folder.metrics, folder.last, folder.best, folder.result)
    assert [file.name for file in files if f"`{file.name}`" not in PAGE] == []
