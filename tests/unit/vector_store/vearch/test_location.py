"""URLs of Vearch stores."""

import pytest

from util.errors import InvalidInputError
from util.vector_store.vearch.location import parse_location


def test_every_part_is_read():
    place = parse_location("vearch+https://us%65r:p%40s%2Fs%3A@[::1]:77/shop?index=HNSW&nlinks=16&timeout=2.5")
    assert place.timeout == 2.5
    assert (place.root, place.database) == ("https://[::1]:77", "shop")
    assert (place.user, place.password) == ("user", "p@s/s:")
    assert place.options == {"index": "HNSW", "nlinks": "16"}


def test_user_and_port_may_be_left_out():
    place = parse_location("vearch+http://h/db")
    assert (place.root, place.user, place.password, place.url) == ("http://h:9001", "", "", "vearch+http://h:9001/db")


def test_the_password_is_never_shown():
    place = parse_location("vearch+http://root:hunter2@h/db")
    assert "hunter2" not in repr(place) + str(place) + place.url
    assert place.url == "vearch+http://root@h:9001/db"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("vearch:h/db", "another form"),
        ("vearch+ftp://root:hunter2@h/db", "another form"),
        ("vearch+http:///db", "another form"),
        ("vearch+http://root:hunter2@h:port/db", "cannot be read"),
        ("vearch+http://root:hunter2@h:99999/db", "cannot be read"),
        ("vearch+http://root:hunter2@h", "cannot name a database"),
        ("vearch+http://root:hunter2@h/a-b", "cannot name a database"),
        ("vearch+http://root:hunter2@h/1a", "cannot name a database"),
        ("vearch+http://root:hunter2@h/a/b", "cannot name a database"),
        ("vearch+http://root:hunter2@h/a?index=FLAT&index=HNSW", "twice"),
        ("vearch+http://root:hunter2@h/a#b", "#"),
        ("vearch+http://root:hunter2@h/a?timeout=0", "seconds above 0"),
        ("vearch+http://root:hunter2@h/a?timeout=soon", "seconds above 0"),
    ],
)
def test_other_forms_are_refused_without_the_password(url, part):
    with pytest.raises(InvalidInputError, match=part) as refusal:
        parse_location(url)
    assert "hunter2" not in str(refusal.value)
