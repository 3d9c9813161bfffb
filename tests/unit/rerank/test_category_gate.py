"""The category gate: by hand, against a naive computation, and what it must never do."""

import json
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.records import SearchResult, unit_rows
from util.rerank import build_reranker
from util.rerank.base import Gallery, RankedQueries

MILK_BUT_JUICE_FIRST = [{"category": "juice"}, {"category": "milk"}, {"category": "milk"}]


def ask(metadata, *, scores=(0.9, 0.8, 0.7), query_metadata=()):
    """One query that finds a, b, c … with these cosines, whose metadata are given in that order."""
    scores = np.array(scores[: len(metadata)], np.float32)
    vectors = np.stack([scores, np.sqrt(1 - scores**2)], axis=1)
    gallery = Gallery(tuple(chr(97 + row) for row in range(len(metadata))), vectors, metadata=tuple(metadata))
    result = SearchResult("q", gallery.ids, scores)
    return RankedQueries((result,), np.array([[1, 0]]), gallery, query_metadata=tuple(query_metadata))


def gated(text, queries):
    """Ids and scores of the only query, by id."""
    [result] = build_reranker(f"category_gate:{text}")(queries).results
    return result.ids, dict(zip(result.ids, result.scores.tolist(), strict=True))


def naive(metadata, scores, cosines, *, n, temperature, penalty, told=None, field="category"):
    """New scores of one query's hits, in their order, with nothing but dictionaries and loops."""

    def tags(row):
        value = row.get(field)
        return value if isinstance(value, list) else [] if value in (None, "") else [value]

    voters = [place for place, row in enumerate(metadata) if tags(row)][:n]
    if not voters:
        return list(scores)
    weights = {place: math.exp((cosines[place] - cosines[voters[0]]) / temperature) for place in voters}
    total = sum(weights.values())
    probability = defaultdict(float)
    for place, weight in weights.items():
        for tag in tags(metadata[place]):
            probability[tag] += weight / total / len(tags(metadata[place]))
    if told is not None:
        probability = defaultdict(float, {told: 1.0})
    agreement = {place: sum(probability[tag] for tag in tags(row)) for place, row in enumerate(metadata) if tags(row)}
    neutral = sum(weights[place] * agreement[place] for place in voters) / total
    return [score - penalty * (1 - min(1.0, agreement.get(place, neutral))) for place, score in enumerate(scores)]


def test_two_similar_votes_outweigh_one_more_similar():
    # At a high temperature all three votes weigh a third: p(juice) = 1/3, p(milk) = 2/3.
    ids, scores = gated("penalty=0.9,temperature=1e6", ask(MILK_BUT_JUICE_FIRST))
    assert ids == ("b", "c", "a")
    assert scores == pytest.approx({"a": 0.3, "b": 0.5, "c": 0.4}, abs=1e-6)


def test_the_weights_are_those_of_the_cosines():
    # Cosines 0.9, 0.8, 0.7 at temperature 0.1: weights as e², e¹, e⁰.
    ids, scores = gated("penalty=1,temperature=0.1", ask(MILK_BUT_JUICE_FIRST))
    juice = math.e**2 / (math.e**2 + math.e + 1)
    assert ids == ("a", "b", "c")
    assert scores == pytest.approx({"a": 0.9 - (1 - juice), "b": 0.8 - juice, "c": 0.7 - juice}, abs=1e-6)


def test_a_given_category_needs_no_vote_and_loses_nobody():
    ids, scores = gated("penalty=0.5,given=milk", ask(MILK_BUT_JUICE_FIRST))
    assert ids == ("b", "c", "a")
    assert scores == pytest.approx({"a": 0.4, "b": 0.8, "c": 0.7}, abs=1e-6)


def test_a_given_category_that_no_hit_is_of_changes_no_order():
    ids, scores = gated("penalty=0.5,given=cream", ask([*MILK_BUT_JUICE_FIRST[:2], {}]))
    assert ids == ("a", "b", "c")
    assert scores == pytest.approx({"a": 0.4, "b": 0.3, "c": 0.2}, abs=1e-6)


@pytest.mark.parametrize("silent", [{}, {"category": None}, {"category": ""}, {"category": []}])
@pytest.mark.parametrize(
    ("text", "neutral"),
    [("penalty=0.5,temperature=1e6", 0.5 * 0.5 + 0.5 * 0.5), ("penalty=0.5,temperature=1e6,given=milk", 0.5)],
)
def test_a_hit_that_does_not_say_is_penalised_as_the_voters_are_on_average(text, neutral, silent):
    _, scores = gated(text, ask([{"category": "milk"}, {"category": "juice"}, silent]))
    assert scores["c"] == pytest.approx(0.7 - 0.5 * (1 - neutral), abs=1e-6)


def test_hits_that_do_not_say_take_nobodys_vote_away():
    # With one vote it is that of the first hit which says its category, not of the first hit.
    ids, scores = gated("n=1,penalty=0.5", ask([{}, {"category": "milk"}, {"category": "juice"}]))
    assert scores == pytest.approx({"a": 0.9, "b": 0.8, "c": 0.2}, abs=1e-6)
    assert ids == ("a", "b", "c")


def test_tags_part_a_vote_and_add_up_in_a_hit():
    # One vote: p(red) = p(dented) = 1/2; the first hit is both, the others are one or neither.
    queries = ask([{"tags": ["red", "dented"]}, {"tags": ["red"]}, {"tags": ["blue"]}])
    _, scores = gated("field=tags,n=1,penalty=0.4", queries)
    assert scores == pytest.approx({"a": 0.9, "b": 0.8 - 0.2, "c": 0.7 - 0.4}, abs=1e-6)


@pytest.mark.parametrize(("value", "written"), [(7, "7"), (7.0, "7"), (2.5, "2.5"), (True, "true"), ("a b", "a b")])
def test_any_scalar_is_a_category_as_it_is_written(value, written):
    _, scores = gated(f"penalty=0.5,given={written}", ask([{"category": "other"}, {"category": value}]))
    assert scores == pytest.approx({"a": 0.4, "b": 0.8}, abs=1e-6)


def test_the_oracle_reads_each_querys_own_record_and_predicts_where_it_says_nothing():
    one = ask(MILK_BUT_JUICE_FIRST)
    queries = RankedQueries(
        one.results * 3,
        np.repeat(one.vectors, 3, axis=0),
        one.gallery,
        query_metadata=({"category": "milk"}, {"category": "juice"}, {}),
    )
    answered = build_reranker("category_gate:oracle=true,penalty=0.5,n=1")(queries)
    assert [result.ids for result in answered.results] == [("b", "c", "a"), ("a", "b", "c"), ("a", "b", "c")]
    sources = [seen["a"].source for seen in answered.evidence]
    assert sources == ["oracle", "oracle", "predicted"]


def test_the_evidence_says_how_probable_each_category_was():
    answered = build_reranker("category_gate:temperature=1e6,n=3")(
        ask([*MILK_BUT_JUICE_FIRST, {}], scores=(0.9, 0.8, 0.7, 0.6))
    )
    [seen] = answered.evidence
    assert list(seen) == ["a", "b", "c", "d"]
    assert seen["a"].to_json() == {
        "category_gate": {
            "field": "category",
            "category": "juice",
            "probability": pytest.approx(1 / 3, abs=1e-6),
            "likeliest": "milk",
            "likeliest_probability": pytest.approx(2 / 3, abs=1e-6),
            "source": "predicted",
        }
    }
    assert seen["d"].to_json()["category_gate"]["category"] is None
    assert seen["d"].probability == pytest.approx(5 / 9, abs=1e-6)
    assert "z" not in seen
    json.dumps(seen["a"].to_json())


def test_what_an_earlier_step_saw_stays():
    queries = ask(MILK_BUT_JUICE_FIRST)
    twice = build_reranker("category_gate:n=1+category_gate:given=milk")(queries)
    [seen] = twice.evidence
    assert len(seen) == 3
    assert (seen["a"].earlier.source, seen["a"].later.source) == ("predicted", "given")
    assert seen["a"].to_json() == seen["a"].later.to_json()


drawn_value = st.sampled_from([None, "milk", "juice", "cream", "", ["milk", "juice"], ["cream"], []])


@st.composite
def drawn_queries(draw):
    """A query with up to nine hits of drawn categories, many of them equally similar."""
    vectors = unit_rows(np.array(draw(st.lists(st.tuples(*[st.integers(-1, 1)] * 3), min_size=1, max_size=9)), float))
    metadata = tuple({"category": draw(drawn_value)} for _ in vectors)
    gallery = Gallery(tuple(f"g{row}" for row in range(len(vectors))), vectors, metadata=metadata)
    query = unit_rows(np.array([draw(st.tuples(*[st.integers(-1, 1)] * 3))], float))
    cosines = vectors @ query[0]
    order = sorted(range(len(vectors)), key=lambda row: (-cosines[row], gallery.ids[row]))
    result = SearchResult("q", tuple(gallery.ids[row] for row in order), cosines[order])
    return RankedQueries((result,), query, gallery)


@given(
    queries=drawn_queries(),
    n=st.integers(1, 10),
    temperature=st.floats(0.01, 10),
    penalty=st.floats(0, 3),
    told=st.sampled_from([None, "milk", "bread"]),
)
def test_is_what_loops_and_dictionaries_compute(queries, n, temperature, penalty, told):
    [result] = queries.results
    rows = queries.rows(0)
    metadata = [queries.gallery.metadata[row] for row in rows]
    cosines = (queries.gallery.vectors[rows] @ queries.vectors[0]).tolist()
    expected = naive(
        metadata, result.scores.tolist(), cosines, n=n, temperature=temperature, penalty=penalty, told=told
    )
    options = f"n={n},temperature={temperature!r},penalty={penalty!r}" + (f",given={told}" if told else "")
    ids, scores = gated(options, queries)
    assert scores == pytest.approx(dict(zip(result.ids, expected, strict=True)), abs=1e-4)
    assert sorted(ids) == sorted(result.ids)
    assert all(score <= was + 1e-6 for score, was in zip(map(scores.get, result.ids), result.scores, strict=True))


@given(queries=drawn_queries(), n=st.integers(1, 10), told=st.sampled_from([None, "milk", "bread"]))
def test_without_a_penalty_nothing_changes(queries, n, told):
    answered = build_reranker(f"category_gate:penalty=0,n={n}" + (f",given={told}" if told else ""))(queries)
    assert answered.results[0].ids == queries.results[0].ids
    np.testing.assert_array_equal(answered.results[0].scores, queries.results[0].scores)


@given(queries=drawn_queries(), value=st.sampled_from(["milk", ["milk", "juice"], None]), penalty=st.floats(0, 5))
def test_where_all_are_alike_nothing_changes(queries, value, penalty):
    alike = Gallery(
        queries.gallery.ids, queries.gallery.vectors, metadata=({"category": value},) * len(queries.gallery)
    )
    answered = build_reranker(f"category_gate:penalty={penalty!r}")(queries.replace(gallery=alike))
    assert answered.results[0].ids == queries.results[0].ids
    np.testing.assert_array_equal(answered.results[0].scores, queries.results[0].scores)


@given(queries=drawn_queries(), shuffled=st.randoms(use_true_random=False))
def test_neither_the_order_of_equal_hits_nor_that_of_the_gallery_matters(queries, shuffled):
    [result] = queries.results
    places = list(range(len(result)))
    shuffled.shuffle(places)
    rows = list(places)
    places.sort(key=lambda place: -result.scores[place])
    mixed = SearchResult("q", tuple(result.ids[place] for place in places), result.scores[places])
    gallery = Gallery(
        tuple(queries.gallery.ids[row] for row in rows),
        queries.gallery.vectors[rows],
        metadata=tuple(queries.gallery.metadata[row] for row in rows),
    )
    gate = build_reranker("category_gate")
    [left], [right] = gate(queries).results, gate(queries.replace(results=(mixed,), gallery=gallery)).results
    assert left.ids == right.ids
    np.testing.assert_array_equal(left.scores, right.scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("penalty=-1", "penalty must be at least 0"),
        ("penalty=nan", "penalty must be at least 0"),
        ("n=0", "n must be at least 1"),
        ("temperature=0", "temperature must be at least 1e-06"),
        ("temperature=inf", "temperature must be at least"),
        ("field=", "needs the name of a metadata field"),
        ("given=", "needs the name of a metadata field, and of a category"),
        ("given=milk,oracle=true", "not both"),
    ],
)
def test_refuses_options_without_meaning(text, message):
    with pytest.raises(InvalidInputError, match=message):
        build_reranker(f"category_gate:{text}")


def test_the_oracle_is_for_evaluations_only():
    with pytest.raises(InvalidInputError, match="which only an evaluation has: say given=CATEGORY"):
        build_reranker("category_gate:oracle=true")(ask(MILK_BUT_JUICE_FIRST))


def test_a_gallery_without_metadata_is_refused():
    queries = ask(MILK_BUT_JUICE_FIRST)
    bare = Gallery(queries.gallery.ids, queries.gallery.vectors)
    with pytest.raises(InvalidInputError, match="reads the metadata field 'category'"):
        build_reranker("category_gate")(queries.replace(gallery=bare))


def test_every_part_of_a_chain_says_what_it_reads():
    chain = build_reranker("alpha_qe+category_gate:field=scene+category_gate:field=category")
    assert chain.metadata_fields == {"scene", "category"}
