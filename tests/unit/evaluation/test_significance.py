"""Paired tests against enumeration of every possible outcome, and against what they promise."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.significance import compare_means, compare_shares, holm, mcnemar, paired_share_interval

counts = st.integers(0, 6)


def every_outcome(only_first, only_second):
    """How many of all 2^n ways to deal the discordant queries are as uneven as the one seen, and more uneven."""
    n = only_first + only_second
    seen = abs(only_first - only_second)
    uneven = [abs(2 * sum(dealt) - n) for dealt in product((0, 1), repeat=n)]
    return sum(u > seen for u in uneven) / 2**n, sum(u == seen for u in uneven) / 2**n


@given(counts, counts)
def test_mcnemar_counts_all_ways_to_deal_the_discordant_queries(only_first, only_second):
    more, as_much = every_outcome(only_first, only_second)
    assert mcnemar(only_first, only_second, mid_p=False) == pytest.approx(more + as_much)
    if only_first != only_second:
        assert mcnemar(only_first, only_second) == pytest.approx(more + as_much / 2)
    else:
        assert mcnemar(only_first, only_second) == pytest.approx(1.0)


@given(counts, counts)
def test_mcnemar_does_not_mind_which_system_is_first(a, b):
    assert mcnemar(a, b) == mcnemar(b, a)
    assert 0 < mcnemar(a, b) <= mcnemar(a, b, mid_p=False) <= 1


@given(counts, counts, st.integers(0, 30))
def test_the_interval_holds_the_difference_and_turns_with_the_systems(only_first, only_second, agreed):
    n = only_first + only_second + agreed
    low, high = paired_share_interval(only_first, only_second, n)
    assert -1 <= low <= high <= 1
    if n:
        assert low <= (only_second - only_first) / n <= high
    assert paired_share_interval(only_second, only_first, n) == pytest.approx((-high, -low))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    only_first, only_second, _ = rng.multinomial(40, [0.1, 0.25, 0.65], size=2000).T
    ends = [paired_share_interval(int(a), int(b), 40) for a, b in zip(only_first, only_second, strict=True)]
    assert 0.93 < np.mean([low <= 0.15 <= high for low, high in ends]) < 0.99


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, math.nan]), st.sampled_from([0.0, 1.0, math.nan])), max_size=12))
def test_shares_are_compared_on_the_queries_that_count_for_both(pairs):
    counted = [(a, b) for a, b in pairs if not (math.isnan(a) or math.isnan(b))]
    compared = compare_shares([a for a, _ in pairs], [b for _, b in pairs])
    assert compared.n == len(counted)
    assert compared.only_first == counted.count((1.0, 0.0))
    assert compared.only_second == counted.count((0.0, 1.0))
    if counted:
        assert compared.difference == pytest.approx(np.mean([b - a for a, b in counted]))
    else:
        assert compared.to_json()["difference"] is None


def test_shots_of_one_photo_do_not_count_as_many():
    first, second = np.repeat([0.0, 1.0, 0.0, 1.0], 30), np.repeat([1.0, 1.0, 0.0, 1.0], 30)
    alone, together = (compare_shares(first, second, groups=groups) for groups in (None, np.arange(4).repeat(30)))
    assert alone.difference == together.difference == 0.25
    assert (alone.test, together.test) == ("mcnemar", "bootstrap")
    assert alone.p < 1e-6 < 0.1 < together.p  # one photo of four tells next to nothing
    assert together.ci95[0] <= 0 < alone.ci95[0]


def test_the_bootstrap_agrees_with_all_possible_draws():
    first, second = np.array([0.1, 0.5, 0.9, 0.3]), np.array([0.2, 0.4, 1.0, 0.8])
    differences = second - first
    drawn = np.array([differences[list(chosen)].mean() for chosen in product(range(4), repeat=4)])
    measured = differences.mean()
    compared = compare_means(first, second, resamples=20_000)
    assert compared.difference == pytest.approx(measured)
    expected = np.mean(np.abs(drawn - measured) >= abs(measured) - 1e-12)
    assert compared.p == pytest.approx(expected, abs=0.015)
    assert compared.ci95 == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_the_bootstrap_rejects_as_rarely_as_it_says():
    rng = np.random.default_rng(5)
    p = [
        compare_means(rng.random(60), rng.random(60), resamples=300, seed=number).p for number in range(300)
    ]  # no difference
    assert np.mean(np.array(p) < 0.05) < 0.1
    better = rng.random(60)
    assert compare_means(better * 0.7, better, resamples=300).p < 0.01


def test_whole_items_are_drawn_where_asked():
    first, second = np.zeros(40), np.tile([0.3, -0.2], 20).repeat(1)
    items = [number // 20 for number in range(40)]  # two items, each with the same mean difference
    assert compare_means(first, second, groups=items).ci95 == pytest.approx((0.05, 0.05))
    low, high = compare_means(first, second).ci95
    assert low < 0.05 < high


def test_what_does_not_count_is_left_out_of_means():
    compared = compare_means([0.5, math.nan, 0.1], [0.7, 0.9, math.nan])
    assert (compared.n, compared.difference) == (1, pytest.approx(0.2))
    nothing = compare_means([math.nan], [0.5])
    assert nothing.to_json() == {"n": 0, "difference": None, "ci95": [None, None], "p": 1.0}


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_against_its_definition(p_values):
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i])
    expected, highest = {}, 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (m - rank) * p_values[i]))
        expected[i] = highest
    assert holm(p_values) == pytest.approx([expected[i] for i in range(m)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar(-1, 2), "start at 0"),
        (lambda: paired_share_interval(3, 3, 5), "of 5 queries"),
        (lambda: paired_share_interval(1, 1, 5, confidence=95), "such as 0.95"),
        (lambda: compare_shares([1, 0], [1]), "one value a query of both"),
        (lambda: compare_shares([0.5], [1]), "right (1), wrong (0)"),
        (lambda: compare_means([0.5], [0.5], resamples=0), "at least 1 resample"),
        (lambda: compare_means([0.5, 0.1], [0.5, 0.2], groups=["a"]), "as many groups"),
        (lambda: holm([0.5, 1.2]), "between 0 and 1"),
    ],
)
def test_what_cannot_be_compared(call, message):
    with pytest.raises(InvalidInputError) as raised:
        call()
    assert message in str(raised.value)
