import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from util.errors import InvalidInputError
from util.evaluation.open_set_measures import measure_open_set
from util.evaluation.trials import OpenSetTrials


@pytest.fixture
def trials():
    random = np.random.default_rng(0)
    known = random.normal(0.7, 0.1, 400)
    return OpenSetTrials(
        protocol="unknown-queries",
        known=known,
        known_best=known + random.random(400) * 0.05,
        ranked_first=random.random(400) < 0.8,
        unknown=random.normal(0.5, 0.1, 250),
        known_cut=0,
        unknown_cut=3,
    )


def test_measures_agree_with_the_definitions(trials):
    measures = measure_open_set(trials, threshold=0.65)
    truth = [1] * 400 + [0] * 250
    assert measures.auroc == pytest.approx(roc_auc_score(truth, np.concatenate([trials.known, trials.unknown])))
    assert measures.detection_auroc == pytest.approx(
        roc_auc_score(truth, np.concatenate([trials.known_best, trials.unknown]))
    )
    assert measures.auroc_ci95[0] < measures.auroc < measures.auroc_ci95[1]
    assert (measures.threshold, measures.threshold_source) == (0.65, "given")
    assert measures.far_at_threshold == sum(u >= 0.65 for u in trials.unknown) / 250
    assert measures.tar_at_threshold == sum(k >= 0.65 for k in trials.known) / 400
    accepted = [k >= 0.65 and first for k, first in zip(trials.known, trials.ranked_first, strict=True)]
    assert measures.dir_at_threshold == sum(accepted) / 400
    pairs = [f and k > u for k, f in zip(trials.known, trials.ranked_first, strict=True) for u in trials.unknown]
    assert measures.oscr == pytest.approx(np.mean(pairs))
    third_best = sorted(trials.unknown)[-3]  # 1 % of 250 lets two in
    assert measures.tar_at_far["0.01"] == sum(k > third_best for k in trials.known) / 400
    assert set(measures.dir_at_far) == {"0.01", "0.1"}
    assert (measures.n_known, measures.n_unknown, measures.unknown_cut) == (400, 250, 3)


def test_without_a_threshold_the_trials_choose_one(trials):
    measures = measure_open_set(trials)
    assert measures.threshold_source == "evaluation"
    assert measures.far_at_threshold == 2 / 250
    assert measures.tar_at_threshold == measures.tar_at_far["0.01"]


def test_json_is_plain_and_bounded(trials):
    written = json.loads(json.dumps(measure_open_set(trials).to_json(), allow_nan=False))
    assert written["protocol"] == "unknown-queries" and written["tar_at_far"].keys() == {"0.01", "0.1"}
    assert len(written["roc"]["far"]) == len(written["roc"]["tar"]) <= 202


def test_needs_a_rate(trials):
    with pytest.raises(InvalidInputError, match="at least one false-accept rate"):
        measure_open_set(trials, fars=())
