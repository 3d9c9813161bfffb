"""Everything that matches, though a query has a limit and no cursor."""

import pytest

from util.vector_store.vearch import scanning
from util.vector_store.vearch.scanning import count, scan, sorted_ids
from util.vector_store.vearch.terms import EVERYTHING, conditions

ALL = [[EVERYTHING]]


@pytest.mark.parametrize("query", ["", "?partitions=3"])
@pytest.mark.parametrize("page", [20, 64, 121])
def test_each_document_is_met_once_whatever_the_limit(server, open_store, fill, query, page):
    store = open_store(query)
    fill(store, 120)
    space = store._remote("s")
    pages = list(scan(space, ALL, page=page))
    assert all(len(found) < page for found in pages)
    assert sorted(document["_id"] for found in pages for document in found) == [f"{n:04}" for n in range(120)]
    assert count(space, conditions({"even": True}), page=page) == 60


def test_ids_that_share_a_slot_are_met_too(store, fill, monkeypatch):
    monkeypatch.setattr("util.vector_store.vearch.documents.slot_of", lambda id_: 77)
    fill(store, 50)
    assert count(store._remote("s"), ALL, page=8) == 50


def test_few_requests_are_made(server, store, fill):
    fill(store, 2000)
    server.requests.clear()
    assert count(store._remote("s"), ALL, page=400) == 2000
    assert len(server.sent("/document/query")) == 17  # one too many, divided into sixteen


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_ids_come_sorted_in_even_portions(store, fill, size):
    fill(store, 100)
    portions = list(sorted_ids(store._remote("s"), ALL, size=size, page=9))
    assert [id_ for ids in portions for id_ in ids] == [f"{n:04}" for n in range(100)]
    assert all(len(ids) == size for ids in portions[:-1])


def test_a_filter_that_nothing_can_meet_asks_nobody(server, store, fill):
    fill(store, 3)
    server.requests.clear()
    assert list(scan(store._remote("s"), [[EVERYTHING], []])) == []
    assert server.requests == []


def test_the_page_is_below_what_an_answer_may_hold():
    assert scanning.PAGE <= 10_000
