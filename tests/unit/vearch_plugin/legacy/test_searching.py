"""Hits are those that looking at every document would give, however few of the nearest ones a query accepts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.records import unit_rows
from util.vector_store import open_store
from vearch_plugin.legacy import searching
from vearch_plugin.legacy.catalogue import Catalogue
from vearch_plugin.legacy.queries import parse_query
from vearch_plugin.legacy.searching import search_space

REQUEST = {
    "name": "s",
    "properties": {
        "image": {"type": "vector", "dimension": 3, "format": "normalization"},
        "word": {"type": "keyword"},
        "sizes": {"type": "integer", "array": True},
    },
}
N = 400


@pytest.fixture(scope="module")
def rows():
    return unit_rows(np.random.default_rng(7).normal(size=(N, 3)))


@pytest.fixture(scope="module")
def words():
    return np.random.default_rng(8).choice(["common", "rare"], N, p=[0.97, 0.03])


@pytest.fixture(scope="module")
def opened(rows, words):
    """A store with four hundred documents."""
    with open_store("embedded::memory:") as store:
        catalogue = Catalogue(store)
        catalogue.create_database("d")
        space = catalogue.create_space("d", REQUEST, maker=lambda schema, name: None)
        metadata = [{"word": str(word), "sizes": [str(number % 7)]} for number, word in enumerate(words)]
        ids = [f"{number:03}" for number in range(N)]
        store.upsert(space.info.name, ids, rows, metadata, fingerprint=space.info.fingerprint)
        yield store, space


def found(opened, body):
    store, space = opened
    query = parse_query(space.schema, body)
    return [hit.id for hit in search_space(store, space, query, query.feature)]


@settings(max_examples=60)
@given(
    size=st.integers(1, 20),
    low=st.floats(-1, 0.9) | st.none(),
    high=st.floats(-0.9, 1) | st.none(),
    operator=st.sampled_from(["and", "or", "not"]),
    sizes=st.none() | st.integers(0, 6),
    angle=st.floats(0, 6.28),
)
def test_the_hits_of_any_query(opened, rows, words, size, low, high, operator, sizes, angle):
    asked = [float(np.cos(angle)), float(np.sin(angle)), 0.5]
    vector = {"field": "image", "feature": asked, "min_score": low, "max_score": high}
    filters = [{"term": {"word": ["common"], "operator": operator}}]
    if sizes is not None:
        filters.append({"range": {"sizes": {"gte": sizes}}})
    hits = found(opened, {"query": {"sum": [vector], "filter": filters}, "size": size})

    scores = (rows @ unit_rows([asked])[0]).astype(np.float64)
    kept = (words != "common") if operator == "not" else (words == "common")
    kept &= np.arange(N) % 7 >= (sizes or 0)
    edge = 1e-6
    kept &= (scores >= (low if low is not None else -2)) & (scores <= (high if high is not None else 2))
    near_an_edge = any(np.any(np.abs(scores - end) < edge) for end in (low, high) if end is not None)
    if not near_an_edge:
        best = np.flatnonzero(kept)[np.argsort(-scores[kept], kind="stable")][:size]
        assert hits == [f"{number:03}" for number in best]


def test_a_filter_that_would_look_at_too_many_is_told_so(opened, monkeypatch):
    monkeypatch.setattr(searching, "_MOST_LOOKED_AT", 50)
    body = {
        "query": {
            "sum": [{"field": "image", "feature": [1, 0, 0]}],
            "filter": [{"term": {"word": ["common", "rare"], "operator": "not"}}],
        },
        "size": 5,
    }
    with pytest.raises(InvalidInputError, match="of the 50 nearest documents only 0 fit"):
        found(opened, body)


def test_a_document_is_as_similar_to_itself_as_can_be(opened, rows):
    vector = {"field": "image", "feature": [float(x) for x in rows[17]], "max_score": 1.0, "min_score": 0.999999}
    assert found(opened, {"query": {"sum": [vector]}, "size": 1}) == ["017"]
