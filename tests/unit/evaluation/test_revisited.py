import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.datasets.revisited import RevisitedQuery, read_revisited
from util.errors import InvalidInputError
from util.evaluation.revisited import SETTINGS, measure_revisited

FIXTURES = Path(__file__).parents[3].parent / "shared" / "fixtures" / "revisited"


@pytest.fixture(scope="module")
def published():
    if not (FIXTURES / "expected.json").exists():
        pytest.skip(f"the official protocol's answers are not at {FIXTURES}")
    truth = read_revisited(FIXTURES / "gnd.json")
    return (
        measure_revisited(np.load(FIXTURES / "ranks.npy"), truth.queries),
        json.loads((FIXTURES / "expected.json").read_text()),
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_equal_to_the_official_evaluation(published, setting):
    measures, expected = getattr(published[0], setting), published[1][setting]
    assert measures.map == pytest.approx(expected["mAP"], abs=1e-9)
    assert {str(k): value for k, value in measures.mp.items()} == pytest.approx(expected["mP"], abs=1e-9)
    given_ap = [math.nan if ap is None else ap for ap in expected["AP"]]
    np.testing.assert_allclose(measures.ap, given_ap, atol=1e-9, rtol=0)


def naive(column, easy, hard, junk, setting):
    """Image by image down the ranking; ``None`` without a positive."""
    positives = {"easy": easy, "medium": easy | hard, "hard": hard}[setting]
    ignored = {"easy": junk | hard, "medium": junk, "hard": junk | easy}[setting]
    if not positives:
        return None
    seen, found, area, places = 0, 0, 0.0, []
    for image in column:
        if image in positives:
            before = 1.0 if seen == 0 else found / seen
            found += 1
            area += (before + found / (seen + 1)) / 2
            places.append(seen + 1)
        if image in positives or image not in ignored:
            seen += 1
    precisions = []
    for k in (1, 5, 10):
        reach = min(places[-1], k) if places else k
        precisions.append(sum(place <= reach for place in places) / reach)
    return area / len(positives), precisions


@st.composite
def problems(draw):
    n = draw(st.integers(1, 30))
    queries, columns = [], []
    depth = draw(st.integers(0, n + 5))
    for _ in range(draw(st.integers(1, 4))):
        roles = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
        queries.append([{i for i, role in enumerate(roles) if role == kind} for kind in (1, 2, 3)])
        columns.append(draw(st.permutations(range(n + 5)))[:depth])  # five distractors; cut anywhere
    return np.array(columns, dtype=np.int32).reshape(len(queries), depth).T, queries


@given(problems())
def test_equal_to_going_through_the_ranking(problem):
    ranks, sets = problem
    queries = [RevisitedQuery(*(np.array(sorted(part), dtype=np.int64) for part in parts)) for parts in sets]
    measured = measure_revisited(ranks, queries)
    for setting in SETTINGS:
        measures = getattr(measured, setting)
        answers = [naive(ranks[:, q].tolist(), *sets[q], setting) for q in range(len(sets))]
        counted = [answer for answer in answers if answer is not None]
        np.testing.assert_allclose(measures.ap, [math.nan if a is None else a[0] for a in answers], atol=1e-12)
        if counted:
            assert measures.map == pytest.approx(np.mean([a[0] for a in counted]))
            assert list(measures.mp.values()) == pytest.approx(np.mean([a[1] for a in counted], axis=0))
        else:
            assert math.isnan(measures.map)


def query(easy=(), hard=(), junk=()):
    return RevisitedQuery(*(np.array(part, dtype=np.int64) for part in (easy, hard, junk)))


def test_a_perfect_ranking_gives_one_everywhere():
    measured = measure_revisited(np.array([[3], [0], [1], [2]]), [query(easy=[0], hard=[1], junk=[3])])
    for setting in SETTINGS:
        assert getattr(measured, setting).to_json() == {"map": 1.0, "mp": {"1": 1.0, "5": 1.0, "10": 1.0}}


def test_no_query_with_a_positive_gives_null():
    written = measure_revisited(np.array([[0], [1]]), [query(easy=[1])]).to_json()
    assert written["hard"] == {"map": None, "mp": {"1": None, "5": None, "10": None}}
    assert written["easy"]["map"] == 0.25


def test_places_filled_up_with_minus_one_are_no_hits():
    cut = measure_revisited(np.array([[1, 0], [0, -1], [-1, -1]]), [query(easy=[0, 2]), query(easy=[2])])
    assert cut.easy.ap.tolist() == [pytest.approx((0 + 1 / 2) / 2 / 2), 0.0]
    assert cut.easy.mp[10] == pytest.approx((1 / 2 + 0) / 2)


def test_an_image_both_positive_and_junk_counts_as_positive():
    assert measure_revisited(np.array([[0]]), [query(easy=[0], junk=[0])]).easy.map == 1.0


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        (np.zeros((3, 2), int), "one column for each of the 1 queries"),
        (np.zeros(3, int), "one column for each"),
        (np.zeros((3, 1)), "got float64"),
        (np.array([[2], [0], [2]]), "names image 2 twice"),
    ],
)
def test_other_rankings_are_refused(ranks, message):
    with pytest.raises(InvalidInputError, match=message):
        measure_revisited(ranks, [query(easy=[0])])
