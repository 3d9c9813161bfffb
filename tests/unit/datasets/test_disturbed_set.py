from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from util.datasets import read_dataset
from util.datasets.disturbances import disturb
from util.datasets.disturbed_set import write_disturbed
from util.errors import InvalidInputError
from util.images import read_image
from util.records import ImageRecord


@pytest.fixture
def catalogue(tmp_path):
    random = np.random.default_rng(4)
    for item in ("cream", "milk"):
        for number in range(2):
            path = tmp_path / "photos" / item / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            blobs = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            blobs.resize((32, 32), Image.Resampling.BICUBIC).save(path)
    return tmp_path / "photos"


def test_the_list_says_item_disturbance_and_strength(catalogue, tmp_path):
    made = write_disturbed(
        read_dataset(catalogue), tmp_path / "set", kinds=["light", "blur"], strengths=[1, 0.5], image_format="png"
    )
    assert made.failed == () and len(made.records) == 4 * (1 + 2 * 2)
    read = read_dataset(tmp_path / "set")
    assert [record.id for record in read] == [record.id for record in made.records]
    for record in read:
        kind, strength = record.metadata["disturbance"], record.metadata["strength"]
        source = record.metadata["source"]
        assert record.id == f"{kind}/{strength:g}/{source}"
        assert record.item == source.split("/")[0]
    steps = {(record.metadata["disturbance"], record.metadata["strength"]) for record in read}
    assert steps == {("none", 0), ("light", 0.5), ("light", 1), ("blur", 0.5), ("blur", 1)}


def test_pictures_are_those_of_the_disturbance_and_the_zero_point_is_the_photo(catalogue, tmp_path):
    made = write_disturbed(
        read_dataset(catalogue), tmp_path / "set", kinds=["jpeg"], strengths=[0.8], image_format="png"
    )
    for record in made.records:
        original = read_image(catalogue / record.metadata["source"])
        strength = record.metadata["strength"]
        expected = original if strength == 0 else disturb(original, "jpeg", strength)
        np.testing.assert_array_equal(read_image(record.path), expected)


def bytes_of(made):
    return {record.id: Path(record.path).read_bytes() for record in made.records}


def test_neither_order_nor_threads_nor_other_disturbances_change_a_picture(catalogue, tmp_path):
    records = read_dataset(catalogue)
    one = write_disturbed(records, tmp_path / "1", kinds=["noise"], strengths=[0.5], workers=1, seed=9)
    many = write_disturbed(
        records[::-1], tmp_path / "2", kinds=["crop", "noise"], strengths=[0.2, 0.5], workers=4, seed=9
    )
    alone, among = bytes_of(one), bytes_of(many)
    assert {name: among[name] for name in alone} == alone
    other = bytes_of(write_disturbed(records, tmp_path / "3", kinds=["noise"], strengths=[0.5], seed=10))
    noisy = [name for name in alone if name.startswith("noise")]
    assert all(alone[name] != other[name] for name in noisy)


def test_photos_of_one_set_are_not_all_disturbed_alike(catalogue, tmp_path):
    made = write_disturbed(
        read_dataset(catalogue), tmp_path / "set", kinds=["noise"], strengths=[1], image_format="png"
    )
    noise = [
        read_image(record.path).astype(int) - read_image(catalogue / record.metadata["source"])
        for record in made.records
        if record.metadata["strength"] == 1
    ]
    assert len({difference.tobytes() for difference in noise}) == len(noise)


def test_a_broken_photo_is_named_and_in_no_part_of_the_set(catalogue, tmp_path):
    (catalogue / "milk" / "broken.jpg").write_bytes(b"not a photo")
    made = write_disturbed(read_dataset(catalogue), tmp_path / "set", kinds=["light"], strengths=[1])
    (error,) = made.failed
    assert error.source.endswith("broken.jpg")
    assert not any("broken" in record.id for record in made.records)


def test_transparent_photos_are_shown_on_white(tmp_path):
    half = np.zeros((4, 4, 4), np.uint8)
    half[:, :2] = (200, 0, 0, 255)
    half[:, 2:] = (0, 0, 0, 51)
    Image.fromarray(half).save(tmp_path / "cutout.png")
    record = ImageRecord("cutout.png", str(tmp_path / "cutout.png"), "milk")
    made = write_disturbed([record], tmp_path / "set", kinds=["blur"], strengths=[1], image_format="png")
    shown = read_image(made.records[0].path)
    assert shown[0, 0].tolist() == [200, 0, 0] and shown[0, 3].tolist() == [204, 204, 204]


def test_photos_of_the_same_name_keep_apart(catalogue, tmp_path):
    Image.open(catalogue / "milk" / "0.png").save(catalogue / "milk" / "0.jpg")
    made = write_disturbed(read_dataset(catalogue), tmp_path / "set", kinds=["blur"], strengths=[1])
    assert len({record.id for record in made.records}) == 5 * 2 == len(made.records)


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        ([], {}, "no photo to disturb"),
        (["a.png"], {"kinds": []}, "at least one disturbance"),
        (["a.png"], {"strengths": []}, "at least one disturbance and one strength"),
        (["a.png"], {"strengths": [0, 1]}, "strength above 0"),
        (["a.png"], {"strengths": [2]}, r"lies in \[0, 1\]"),
        (["a.png"], {"kinds": ["fog"]}, "no disturbance is called 'fog'"),
        (["a.png"], {"image_format": "gif"}, "one of jpg, png"),
        (["../a.png"], {}, "leads out of the folder"),
        (["/a.png"], {}, "leads out of the folder"),
        (["a.png", "a.png"], {}, "another one's place"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path, ids, options, message):
    records = [ImageRecord(id_, "x.png", "milk") for id_ in ids]
    settings = {"kinds": ["light"], "strengths": [0.5]} | options
    with pytest.raises(InvalidInputError, match=message):
        write_disturbed(records, tmp_path / "set", **settings)
    assert not (tmp_path / "set").exists()
