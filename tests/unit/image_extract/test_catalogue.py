"""Finding extractors by their files, and what a bad file does to the others: nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from util.errors import ExtractorUnavailableError, UnknownExtractorError
from util.image_extract import available, describe, load

NOWHERE = Path("no such folder")

BRIGHTNESS = '''
import numpy as np
from util.image_extract._descriptor import Descriptor


class Brightness(Descriptor):
    """How bright an image is: mean and darkness."""

    name = "brightness"
    dimension = 2
    default_recipe = "resize=8"

    def describe(self, image):
        return np.array([image.mean(), 255 - image.mean()])
'''

BROKEN = {
    "needs_a_package": ("import a_package_nobody_has", "ModuleNotFoundError: No module named 'a_package_nobody_has'"),
    "does_not_parse": ("class :", "SyntaxError"),
    "fails": ("1 / 0", "ZeroDivisionError: division by zero"),
    "empty": ("", "must define exactly one class derived from Extractor with all its methods, it defines none"),
    "two": (BRIGHTNESS + BRIGHTNESS.replace("Brightness", "Darkness"), "it defines Brightness, Darkness"),
    "abstract": (BRIGHTNESS.replace("def describe", "def portray"), "it defines none"),
}


def test_a_file_that_is_dropped_in_is_an_extractor(drop_in):
    drop_in("brightness", BRIGHTNESS)
    assert "brightness" in available(NOWHERE)
    extractor = load("brightness")
    np.testing.assert_allclose(extractor.extract([np.full((3, 3, 3), 255, np.uint8)]), [[1, 0]])
    info = next(info for info in describe(NOWHERE) if info.name == "brightness")
    assert (info.dimension, info.recipe, info.weights) == (2, "resize=8", "none needed")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_neighbour_does_no_harm(drop_in, name):
    code, reason = BROKEN[name]
    drop_in(name, code)
    assert {name, "phash"} <= set(available(NOWHERE))
    assert load("phash").dimension == 64
    described = {info.name: info for info in describe(NOWHERE)}
    assert described["phash"].error == ""
    assert described[name].weights == "missing"
    assert reason in described[name].error
    with pytest.raises(ExtractorUnavailableError) as raised:
        load(name)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_private_files_folders_and_the_contract_are_not_extractors(drop_in):
    path = drop_in("_private", BRIGHTNESS)
    (path.parent / "folder").mkdir()
    (path.parent / "folder" / "__init__.py").touch()
    names = available(NOWHERE)
    assert not {"_private", "folder", "base"} & set(names)
    assert all(not name.startswith("_") for name in names)


@pytest.mark.parametrize(
    ("name", "first"), [("color_textures", "color_texture"), ("Phash", "phash"), ("resnet101", "resnet50")]
)
def test_an_unknown_name_lists_what_there_is_the_closest_first(name, first):
    with pytest.raises(UnknownExtractorError) as raised:
        load(name, models_dir=NOWHERE)
    message = str(raised.value)
    assert f"no extractor is called {name!r}: there are {first}, " in message
    assert all(other in message for other in available(NOWHERE))
    assert "timm:NAME" in message


@pytest.mark.parametrize("name", ["", "base", "_network", "../phash", "util.image_extract.phash", "phash.py"])
def test_names_that_are_not_extractors_are_unknown(name):
    with pytest.raises(UnknownExtractorError):
        load(name, models_dir=NOWHERE)


def test_what_needs_no_network_loads_without_torch():
    code = (
        "import sys; from util.image_extract import available, load; available(); "
        "load('phash'); load('color_texture'); print(sorted({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_are_imported_only_when_asked_for():
    code = (
        "import sys; from util.image_extract import available, load; names = available(); load('phash'); "
        "print([name for name in names if f'util.image_extract.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['phash']"


def test_one_extractor_is_described_without_the_others(tmp_path):
    assert [info.name for info in describe(tmp_path, name="phash")] == ["phash"]
    assert describe(tmp_path, name="phash")[0] in describe(tmp_path)
    assert describe(tmp_path, name="nobody") == []
