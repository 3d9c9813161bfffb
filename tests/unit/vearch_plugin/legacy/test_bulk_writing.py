"""Bulk requests are done in their order; what cannot be done is said, and does not stop the rest."""

import numpy as np
import pytest

from util.errors import ImageError, SpaceNotFoundError
from util.records import SpaceInfo
from util.vector_store import open_store
from vearch_plugin.legacy.bulk import Action
from vearch_plugin.legacy.bulk_writing import take_actions
from vearch_plugin.legacy.catalogue import Catalogue

REQUEST = {
    "name": "s",
    "properties": {"image": {"type": "vector", "dimension": 2}, "word": {"type": "keyword"}},
}


def embed(info, images):
    """North for what is called so, else east; what has a blank in it is no image."""
    return [
        ImageError("feature", "is no image")
        if " " in image
        else np.array([[0, 1]] if image == "north" else [[1, 0]], dtype=np.float32)
        for image in images
    ]


@pytest.fixture
def store():
    with open_store("embedded::memory:") as opened:
        yield opened


@pytest.fixture
def space(store):
    catalogue = Catalogue(store)
    catalogue.create_database("d")
    return catalogue.create_space("d", REQUEST, maker=lambda schema, name: SpaceInfo(name, "phash", 2, "f" * 64))


def index(id_, feature, **fields):
    return Action("index", id_, {"image": {"feature": feature}, **fields})


def what_is_there(store, space):
    [batch] = store.iterate(space.info.name)
    return {
        id_: (vector.tolist(), metadata.get("word"))
        for id_, vector, metadata in zip(batch.ids, batch.vectors, batch.metadata, strict=True)
    }


def test_in_their_order(store, space):
    actions = [
        index("a", "north", word="1"),
        index("b", [1, 0], word="2"),
        Action("delete", "a", {}),
        index("a", "east", word="3"),
        Action("update", "b", {"word": "4"}),
        Action("update", "a", {"image": {"feature": "north"}}),
        index("c", "east"),
        index("c", "north"),
        Action("delete", "never there", {}),
    ]
    told = take_actions(store, space, actions, embed=embed)
    assert [answer["status"] for answer in told] == [200] * 9
    assert what_is_there(store, space) == {"a": ([0, 1], "3"), "b": ([1, 0], "4"), "c": ([0, 1], None)}


def test_what_cannot_be_done_does_not_stop_the_rest(store, space):
    actions = [
        index("good", "north"),
        index("no image", "not an image"),
        index("bad field", "north", brand="x"),
        index("bad vector", [3, 4]),
        index("_search", "north"),
        Action("update", "missing", {"word": "x"}),
        index("nul\0", "north"),
        index("good too", [0, 1]),
    ]
    told = take_actions(store, space, actions, embed=embed)
    assert [answer["status"] for answer in told] == [200, 551, 551, 551, 551, 551, 551, 200]
    said = [answer.get("error", "") for answer in told]
    parts = ["", "is no image", "error field [brand]", "has length 5", "no operation", "does not exist", "Unicode", ""]
    assert all(part in text for part, text in zip(parts, said, strict=True))
    assert set(what_is_there(store, space)) == {"good", "good too"}


def test_documents_without_an_id_get_one(store, space):
    told = take_actions(store, space, [index(None, "north"), index(None, "north")], embed=embed)
    ids = {answer["_id"] for answer in told}
    assert len(ids) == 2
    assert set(what_is_there(store, space)) == ids


def test_a_store_that_fails_ends_the_request(store, space):
    store.drop_space(space.info.name)
    with pytest.raises(SpaceNotFoundError, match=r"no space named 'd\.s'"):
        take_actions(store, space, [index("a", "north"), index("b", "north")], embed=embed)


def test_changes_unmake_the_calibration(store, space):
    take_actions(store, space, [index("a", "north")], embed=embed)
    for action in (index("b", "east"), Action("update", "b", {"word": "x"}), Action("delete", "b", {})):
        learned = {"source": "gallery", "false_accept_rate": 0.01, "calibration": {"threshold": 0.5}}
        store.annotate(space.info.name, {"calibration": learned})
        take_actions(store, space, [action], embed=embed)
        assert "calibration" not in store.info(space.info.name).attributes["calibration"]
