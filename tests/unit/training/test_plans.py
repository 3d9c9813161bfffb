"""Plans: which photos a step sees depends on seed and epoch alone, and several devices share them out."""

import numpy as np
import pytest

from util.metric_learning.pairs import PairSampling
from util.metric_learning.relevance_triplets import RelevanceTriplets, relevance_of_embeddings
from util.metric_learning.samplers import build_sampler
from util.records import unit_rows
from util.training.planning import HardNegativePlan, PairPlan, SampledPlan, TripletPlan
from util.training.plans import Batches

LABELS = np.repeat(np.arange(6), 5)


def embedded():
    return np.random.default_rng(0).normal(size=(len(LABELS), 8)).astype(np.float32)


def by_relevance(seed, **options):
    return RelevanceTriplets(LABELS, relevance_of_embeddings(embedded() + 1), seed=seed, out_of_class=0, **options)


PLANS = {
    "random": lambda seed: SampledPlan(build_sampler("random", labels=LABELS, batch_size=7, seed=seed), seed=seed),
    "pairs": lambda seed: PairPlan(PairSampling(LABELS, seed=seed), batch_size=8, seed=seed),
    "triplets": lambda seed: TripletPlan(LABELS, batch_size=9, seed=seed),
    "relevance": lambda seed: TripletPlan(LABELS, batch_size=9, seed=seed, relevance=by_relevance(seed)),
    "few": lambda seed: TripletPlan(LABELS, batch_size=9, seed=seed, relevance=by_relevance(seed, margin=0.7)),
    "hard": lambda seed: HardNegativePlan(LABELS, batch_size=14, seed=seed, embed=embedded),
}


def as_lists(steps):
    fields = ("photos", "variants", "seeds", "pairs", "triplets")
    return [[getattr(step, field).tolist() for field in fields] for step in steps]


@pytest.mark.parametrize("kind", PLANS)
def test_an_epoch_is_the_same_whenever_it_is_asked_for(kind):
    first, second = PLANS[kind](3), PLANS[kind](3)
    list(first.steps(0))
    assert as_lists(first.steps(4)) == as_lists(second.steps(4))


@pytest.mark.parametrize("kind", PLANS)
def test_epochs_and_seeds_differ(kind):
    plan = PLANS[kind](3)
    assert as_lists(plan.steps(0)) != as_lists(plan.steps(1))
    assert as_lists(plan.steps(0)) != as_lists(PLANS[kind](4).steps(0))


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_has_as_many_steps_as_it_says(kind):
    plan = PLANS[kind](0)
    assert len(list(plan.steps(2))) == len(plan)


@pytest.mark.parametrize("kind", ["triplets", "hard"])
def test_triplets_name_two_photos_of_one_item_and_one_of_another(kind):
    for step in PLANS[kind](1).steps(0):
        anchor, positive, negative = LABELS[step.photos[step.triplets]].T
        assert len(step.triplets)
        assert (anchor == positive).all()
        assert (anchor != negative).all()
        assert (step.photos[step.triplets[:, 0]] != step.photos[step.triplets[:, 1]]).all()


def test_triplets_by_relevance_rank_photos_of_one_item():
    units = unit_rows(embedded() + 1)
    for step in PLANS["relevance"](1).steps(0):
        anchor, positive, negative = step.photos[step.triplets].T
        assert (LABELS[anchor] == LABELS[positive]).all() and (LABELS[anchor] == LABELS[negative]).all()
        alike = (units[anchor] * units[positive]).sum(axis=1).clip(0), (units[anchor] * units[negative]).sum(axis=1)
        assert (alike[0] - alike[1].clip(0) >= 0.05 - 1e-6).all()


def test_pairs_say_the_truth_and_show_exposure_variants():
    steps = list(PLANS["pairs"](1).steps(0))
    for step in steps:
        first, second, same = step.pairs.T
        np.testing.assert_array_equal(LABELS[step.photos[first]] == LABELS[step.photos[second]], same == 1)
        assert (step.variants[first] == 0).all()
    assert {variant for step in steps for variant in step.variants.tolist()} == {0, 1, 2}
    share = np.mean(np.concatenate([step.pairs[:, 2] for step in steps]))
    assert 0.2 < share < 0.8


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_devices_share_an_epoch_without_overlap_and_evenly(devices):
    shares = [Batches(PLANS["random"](0), rank=rank, devices=devices) for rank in range(devices)]
    for share in shares:
        share.set_epoch(2)
    photos = [[tuple(step.photos.tolist()) for step in share] for share in shares]
    assert {len(steps) for steps in photos} == {len(shares[0])}
    assert len(set().union(*photos)) == sum(map(len, photos))
