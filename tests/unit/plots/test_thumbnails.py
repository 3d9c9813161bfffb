import base64
import io

import numpy as np
import pytest
from PIL import Image

from util.errors import InvalidInputError
from util.plots.thumbnails import Thumbnails


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((300, 600, 3), (10, 200, 30), dtype=np.uint8)).save(path)
    return str(path)


def test_is_a_small_jpeg_of_the_picture(photo):
    made = Thumbnails().of(photo, 100)
    assert made.missing == ""
    head, data = made.source.split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (picture.format, picture.size) == ("JPEG", (100, 50))
    assert np.abs(np.asarray(picture).astype(int) - (10, 200, 30)).max() < 12


def test_what_cannot_be_shown_says_why(tmp_path, photo):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    thumbnails = Thumbnails()
    for path in (None, "", str(broken), str(tmp_path / "gone.jpg"), str(tmp_path), "https://example.org/a.jpg"):
        made = thumbnails.of(path, 100)
        assert made.source == "" and made.missing
    assert thumbnails.of(photo, 100).source


def test_stops_when_the_budget_is_spent(photo):
    size = len(Thumbnails().of(photo, 100).source)
    thumbnails = Thumbnails(budget=2 * size + 10)
    made = [thumbnails.of(photo, 100) for _ in range(4)]
    assert [bool(one.source) for one in made] == [True, True, False, False]
    assert made[2].missing == "left out to keep this file small"
    assert Thumbnails(budget=0).of(photo, 100).source == ""


def test_refuses_a_negative_budget():
    with pytest.raises(InvalidInputError, match="not -1"):
        Thumbnails(-1)
