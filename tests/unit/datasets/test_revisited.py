import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from util.datasets.revisited import gallery_of, queries_of, read_revisited
from util.errors import DatasetError

GROUND_TRUTH = {
    "imlist": ["christ_church_1", "radcliffe_2", "oriel_3"],
    "qimlist": ["all_souls_9"],
    "gnd": [{"easy": [0], "hard": [2], "junk": [], "bbx": [10.2, 5.0, 29.6, 25.0]}],
}


def as_published(truth):
    rows = [{key: np.array(value) for key, value in row.items()} for row in truth["gnd"]]
    return truth | {"gnd": rows}


@pytest.fixture(params=["json", "pickle", "numbers"])
def written(request, tmp_path):
    if request.param == "pickle":
        path = tmp_path / "gnd_roxford5k.pkl"
        path.write_bytes(pickle.dumps(as_published(GROUND_TRUTH), protocol=2))
    else:
        path = tmp_path / "gnd.json"
        rows = [{key: row[key] for key in ("easy", "hard", "junk")} for row in GROUND_TRUTH["gnd"]]
        numbers = {"db_size": 3, "queries": rows}
        path.write_text(json.dumps(numbers if request.param == "numbers" else GROUND_TRUTH))
    return request.param, path


def test_all_forms_say_the_same(written):
    form, path = written
    truth = read_revisited(path)
    (query,) = truth.queries
    assert truth.n_images == 3
    assert [part.tolist() for part in (query.easy, query.hard, query.junk)] == [[0], [2], []]
    assert all(part.dtype == np.int64 for part in (query.easy, query.hard, query.junk))
    if form == "numbers":
        assert (truth.images, query.name, query.box) == ((), "", None)
    else:
        assert truth.images == tuple(GROUND_TRUTH["imlist"])
        assert (query.name, query.box) == ("all_souls_9", (10.2, 5.0, 29.6, 25.0))


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "gnd.json"
    path.write_text(json.dumps(GROUND_TRUTH))
    return read_revisited(path)


@pytest.fixture
def photos(tmp_path):
    """As the archives unpack: Paris has a folder for each building."""
    folder = tmp_path / "photos"
    for number, name in enumerate([*GROUND_TRUTH["imlist"], *GROUND_TRUTH["qimlist"]]):
        path = folder / ("a" if number % 2 else "b") / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = np.tile(np.arange(40, dtype=np.uint8)[:, None, None] * 5, (1, 40, 3)).transpose(1, 0, 2)
        Image.fromarray(columns).save(path, quality=95)
    return folder


def test_the_gallery_stands_in_the_order_of_the_truth_and_distractors_behind_it(truth, photos, tmp_path):
    others = tmp_path / "million"
    others.mkdir()
    Image.new("RGB", (4, 4)).save(others / "radcliffe_2.jpg")
    gallery = gallery_of(truth, photos, distractors=others)
    assert [record.id for record in gallery] == [*GROUND_TRUTH["imlist"], "distractors/radcliffe_2.jpg"]
    assert all(record.path.startswith(str(photos)) for record in gallery[:3])


def test_queries_are_cropped_to_their_box(truth, photos):
    (query,) = queries_of(truth, photos)
    cropped = np.asarray(Image.open(io.BytesIO(query.data)))
    assert query.id == "all_souls_9"
    assert cropped.shape == (20, 20, 3)  # 5 to 25 down, 10 to 30 across
    np.testing.assert_allclose(cropped[:, :, 0].mean(axis=0), np.arange(10, 30) * 5, atol=3)


def test_photos_that_are_missing_are_named(truth, photos):
    (photos / "a" / "radcliffe_2.jpg").unlink()
    with pytest.raises(DatasetError, match="holds no photo 'radcliffe_2'"):
        gallery_of(truth, photos)


def test_numbers_alone_have_no_photos(tmp_path, photos):
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"db_size": 1, "queries": [{"easy": [0], "hard": [], "junk": []}]}))
    for find in (gallery_of, queries_of):
        with pytest.raises(DatasetError, match="no names of photos"):
            find(read_revisited(path), photos)


def changed(**fields):
    return GROUND_TRUTH | fields


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "holds a list"),
        ({}, "is missing"),
        (changed(gnd=[]), "1 queries have 0 answers"),
        (changed(gnd=[{"easy": [3], "hard": [], "junk": []}]), "none of the 3 of the gallery"),
        (changed(gnd=[{"easy": [-1], "hard": [], "junk": []}]), "none of the 3 of the gallery"),
        (changed(gnd=[{"easy": [0.5], "hard": [], "junk": []}]), "none of the 3 of the gallery"),
        (changed(gnd=[{"easy": [0], "hard": []}]), "'junk' is missing"),
        (changed(gnd=[{"easy": 0, "hard": [], "junk": []}]), "a list is needed"),
        (changed(gnd=["x"]), "described by str"),
        (changed(gnd=[{"easy": [], "hard": [], "junk": [], "bbx": [1, 2, 3]}]), "a box has 3 numbers"),
        (changed(imlist=[1, 2, 3]), "a name is not a text"),
        ({"db_size": "3", "queries": []}, "db_size is not a number"),
    ],
)
def test_what_is_no_ground_truth_is_refused(tmp_path, value, message):
    path = tmp_path / "gnd.json"
    path.write_text(json.dumps(value))
    with pytest.raises(DatasetError, match=message):
        read_revisited(path)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DatasetError, match="is not JSON"):
        read_revisited(tmp_path / "broken.json")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_revisited(tmp_path / "none.json")
