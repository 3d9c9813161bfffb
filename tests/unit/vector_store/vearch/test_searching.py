"""Searches whose answers come in parts, out of order, cut short or empty."""

import numpy as np
import pytest
from vearch_wire import Fault

from util.errors import StoreError
from util.records import SpaceInfo, unit_rows
from util.vector_store.vearch import searching

FINGERPRINT = "f" * 64
SEARCH = "/document/search"


def ask(store, vectors, k, **options):
    return store.search("s", vectors, k, fingerprint=FINGERPRINT, **options)


def naive(vectors, query, k, among=None):
    scores = vectors @ query
    places = [n for n in range(len(vectors)) if among is None or among(n)]
    return tuple(f"{n:04}" for n in sorted(places, key=lambda n: (-scores[n], n))[:k])


def test_every_search_says_what_its_answer_depends_on(server, store, fill):
    vectors = fill(store, 20)
    ask(store, vectors[:2], 3, where={"even": True}, with_metadata=False)
    (body,) = server.sent(SEARCH)
    assert body["is_brute_search"] == 1
    assert body["load_balance"] == "leader"
    assert body["index_params"]["metric_type"] == "InnerProduct"
    assert body["fields"] == ["slot"]
    assert len(body["vectors"][0]["feature"]) == 16


@pytest.mark.parametrize("query", ["", "?partitions=4"])
@pytest.mark.parametrize("k", [1, 5, 99, 100, 500])
def test_answers_in_disorder_are_put_in_order(open_store, fill, query, k):
    store = open_store(query)
    vectors = fill(store, 100)
    for asked, result in zip(vectors[:9], ask(store, vectors[:9], k), strict=True):
        assert result.ids == naive(vectors, asked, k)


def test_many_queries_are_asked_in_few_requests(server, store, fill, monkeypatch):
    vectors = fill(store, 50)
    monkeypatch.setattr(searching, "_MOST_HITS", 44)
    results = ask(store, vectors, 10)
    assert [result.ids for result in results] == [naive(vectors, query, 10) for query in vectors]
    assert len(server.sent(SEARCH)) == 13  # four queries of eleven hits each


def test_equal_scores_at_the_last_place_are_asked_for_until_they_end(server, open_store):
    store = open_store("?partitions=3")
    store.create_space(SpaceInfo("s", "e", 4, FINGERPRINT))
    same = np.repeat(unit_rows([[1.0, 2.0, 3.0, 4.0]]), 60, axis=0)
    ids = [f"{n:02}" for n in np.random.default_rng(1).permutation(60)]
    store.upsert("s", ids, same, [{}] * 60, fingerprint=FINGERPRINT)
    server.requests.clear()
    assert ask(store, same[:1], 5)[0].ids == ("00", "01", "02", "03", "04")
    assert [body["limit"] for body in server.sent(SEARCH)] == [6, 24, 96]


def test_a_filter_that_nothing_meets_answers_every_query(store, fill):
    vectors = fill(store, 5)
    assert [result.ids for result in ask(store, vectors, 3, where={"n": 99})] == [()] * 5
    assert [result.ids for result in ask(store, vectors, 3, where={"n": []})] == [()] * 5


def test_a_query_of_zeros_among_others(server, store, fill):
    vectors = fill(store, 40)
    asked = vectors[:3].copy()
    asked[1] = 0
    first, blank, last = ask(store, asked, 4, where={"even": False})
    assert blank.ids == ("0001", "0003", "0005", "0007")
    assert blank.scores.tolist() == [0, 0, 0, 0]
    assert [fields["n"] for fields in blank.metadata] == [1, 3, 5, 7]
    assert first.ids == naive(vectors, asked[0], 4, lambda n: n % 2)
    assert last.ids == naive(vectors, asked[2], 4, lambda n: n % 2)


def test_an_index_may_miss_something_but_leaves_no_place_empty(server, open_store, fill):
    store = open_store("?index=HNSW")
    vectors = fill(store, 90)
    store.refresh("s")
    server.cluster.approximate = True
    assert ask(store, vectors[:1], 5)[0].ids != naive(vectors, vectors[0], 5), "the server does miss some"
    assert ask(store, vectors[:1], 80)[0].ids == naive(vectors, vectors[0], 80)
    assert len(ask(store, vectors[:1], 100)[0]) == 90


def test_a_search_with_a_filter_is_exact_on_every_index(server, open_store, fill):
    store = open_store("?index=HNSW")
    vectors = fill(store, 90)
    store.refresh("s")
    server.cluster.approximate = True
    assert ask(store, vectors[:1], 5, where={"even": True})[0].ids == naive(vectors, vectors[0], 5, lambda n: n % 2 < 1)


def test_search_parameters_of_the_space_are_sent(server, open_store, fill):
    store = open_store("?index=HNSW")
    vectors = fill(store, 10, attributes={"search_parameters": "efSearch=16"})
    ask(store, vectors[:1], 3)
    ask(store, vectors[:1], 50)
    parameters = [body["index_params"]["efSearch"] for body in server.sent(SEARCH)]
    assert parameters[0] == 16
    assert min(parameters[1:]) > 50, "a queue shorter than the answer cannot fill it"


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda documents: documents[:1], "2 query vectors with 1 results"),
        (lambda documents: [[hit | {"_score": None} for hit in hits] for hits in documents], "score"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(server, store, fill, spoil, part):
    vectors = fill(store, 5)
    server.faults = [
        Fault(SEARCH, spoil=lambda answer: {"code": 0, "data": {"documents": spoil(answer["data"]["documents"])}})
    ]
    with pytest.raises(StoreError, match=part):
        ask(store, vectors[:2], 3)


def test_an_image_that_two_partitions_name_is_one_hit(server, store, fill):
    vectors = fill(store, 5)
    twice = lambda answer: {"code": 0, "data": {"documents": [hits * 2 for hits in answer["data"]["documents"]]}}  # noqa: E731
    server.faults = [Fault(SEARCH, spoil=twice)]
    assert ask(store, vectors[:1], 5)[0].ids == naive(vectors, vectors[0], 5)
