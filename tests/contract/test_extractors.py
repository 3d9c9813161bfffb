"""What every extractor promises, held against every extractor there is: a file that is dropped in is tested too."""

import inspect
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from util.errors import InvalidInputError, RecipeError
from util.image_extract import available, describe, load
from util.image_extract._catalogue import EXTRACTORS
from util.image_extract.base import Extractor

SLOW_TO_BUILD = {"vgg16", "vit_b_16"}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW_TO_BUILD else name
    for name in [*available(Path("no such folder")), "timm:test_resnet"]
]
LEARNED_NOTHING = [
    name
    for name in available(Path("no such folder"))
    if "weights" not in inspect.signature(EXTRACTORS.load_class(name)).parameters
]

ELSEWHERE = """
import json, sys
import numpy as np
from util.image_extract import load

images = [np.random.default_rng(seed).integers(0, 256, (90, 70, 3), dtype=np.uint8) for seed in (1, 2)]
answers = {}
for name, options in json.loads(sys.argv[1]).items():
    extractor = load(name, **options)
    answers[name] = [extractor.fingerprint, extractor.extract(images).tolist()]
print(json.dumps(answers))
"""


def options(name: str) -> dict[str, object]:
    """Weights that need no download, for those that need weights."""
    return {} if name in LEARNED_NOTHING else {"weights": "random", "device": "cpu"}


@cache
def extractor(name: str) -> Extractor:
    return load(name, **options(name))


@cache
def answers_elsewhere(slow: bool) -> dict[str, list]:
    """Fingerprints and embeddings that another process finds: one process for all that are built fast."""
    names = SLOW_TO_BUILD if slow else [name for name in NAMES if isinstance(name, str)]
    asked = json.dumps({name: options(name) for name in names})
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, asked], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def noise(seed: int, height: int = 90, width: int = 70, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def scene(seed: int) -> np.ndarray:
    """A picture with large shapes, print and a little grain, as photos have them: uint8 320×240×3."""
    rng = np.random.default_rng(seed)
    picture = np.full((320, 240, 3), rng.integers(0, 256, 3), dtype=np.uint8)
    for _ in range(12):
        centre = tuple(int(value) for value in rng.integers(0, 240, 2))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.circle(picture, centre, int(rng.integers(8, 70)), colour, -1)
        word = "".join(chr(letter) for letter in rng.integers(65, 91, 5))
        cv2.putText(picture, word, centre, cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour[::-1], 2)
    grain = rng.normal(0, 4, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (3, 3), 0) + grain, 0, 255).astype(np.uint8)


def recompressed(picture: np.ndarray) -> np.ndarray:
    _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return cv2.imdecode(file, cv2.IMREAD_COLOR)


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_are_unit_rows_of_the_dimension_it_names(name):
    embeddings = extractor(name).extract([noise(1), noise(2, 31, 200), noise(3, 300, 40)])
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (3, extractor(name).dimension)
    assert embeddings.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_carries_the_name_it_was_loaded_by(name):
    assert extractor(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_no_images_are_no_rows(name):
    embeddings = extractor(name).extract([])
    assert embeddings.shape == (0, extractor(name).dimension)
    assert embeddings.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(noise(1, 1, 1), id="one pixel"),
        pytest.param(noise(1, 1, 300), id="one row"),
        pytest.param(np.repeat(noise(1, channels=1), 3, axis=2), id="grey"),
        pytest.param(noise(1, channels=4), id="see-through"),
        pytest.param(np.zeros((20, 20, 4), np.uint8), id="invisible"),
        pytest.param(np.zeros((20, 20, 3), np.uint8), id="black"),
        pytest.param(np.full((20, 20, 3), 255, np.uint8), id="white"),
    ],
)
def test_odd_images_have_embeddings_too(name, image):
    embedding = extractor(name).extract([image])
    assert np.all(np.isfinite(embedding))
    np.testing.assert_allclose(np.linalg.norm(embedding), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_embedding_does_not_depend_on_its_neighbours(name):
    images = [noise(seed, 60 + seed, 80) for seed in range(6)]
    together = extractor(name).extract(images)
    alone = np.concatenate([extractor(name).extract([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(extractor(name).extract(images[::-1])[::-1], together, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_given_images_are_left_as_they_are(name):
    image = noise(4, channels=4)
    before = image.copy()
    extractor(name).extract([image])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_extract_is_prepare_and_embed(name):
    images = [noise(1), noise(2, 50, 90)]
    prepared = [extractor(name).prepare(image) for image in images]
    np.testing.assert_array_equal(extractor(name).embed(prepared), extractor(name).extract(images))


@pytest.mark.parametrize("name", NAMES)
def test_another_process_gives_the_same_embeddings_and_fingerprint(name):
    fingerprint, embeddings = answers_elsewhere(name in SLOW_TO_BUILD)[name]
    assert fingerprint == extractor(name).fingerprint
    np.testing.assert_allclose(embeddings, extractor(name).extract([noise(1), noise(2)]), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprint_changes_with_the_recipe(name):
    own = extractor(name)
    other = load(name, recipe=f"crop, {own.recipe}", **options(name))
    again = load(name, recipe=str(own.recipe), **options(name))
    assert len({own.fingerprint, other.fingerprint}) == 2
    assert own.fingerprint == again.fingerprint


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LEARNED_NOTHING])
def test_the_fingerprint_changes_with_the_weights(name):
    own, other = extractor(name), load(name, **options(name), seed=1)
    assert own.weights_digest != other.weights_digest
    assert own.fingerprint != other.fingerprint
    assert not np.allclose(own.extract([noise(1)]), other.extract([noise(1)]), atol=1e-3)


def test_fingerprints_differ_between_extractors():
    names = [name for name in NAMES if isinstance(name, str)]
    assert len({extractor(name).fingerprint for name in names}) == len(names)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_recipes_and_options_are_refused(name):
    with pytest.raises(RecipeError, match="sharpen"):
        load(name, recipe="sharpen", **options(name))
    with pytest.raises(InvalidInputError, match="takes no option 'colour'.*recipe"):
        load(name, colour="red", **options(name))


@pytest.mark.parametrize("name", LEARNED_NOTHING)
@pytest.mark.parametrize("seed", range(8))
def test_a_recompressed_picture_is_more_similar_than_another_one(name, seed):
    picture, copy, other = extractor(name).extract([scene(seed), recompressed(scene(seed)), scene(seed + 100)])
    assert picture @ copy > picture @ other
    assert picture @ copy >= extractor(name).duplicate_score


@pytest.mark.parametrize("name", available(Path("no such folder")))
def test_is_described_as_it_is(name):
    info = next(info for info in describe(Path("no such folder")) if info.name == name)
    assert info.error == ""
    kind = EXTRACTORS.load_class(name)
    assert (info.dimension, info.weights == "none needed") == (kind.dimension, name in LEARNED_NOTHING)
    assert info.recipe == kind.default_recipe


@pytest.mark.parametrize("name", available(Path("no such folder")))
def test_says_in_its_docstring_what_it_computes(name):
    assert len(inspect.getdoc(EXTRACTORS.load_class(name)) or "") > 80
