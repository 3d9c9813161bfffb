"""What the miners find in a batch, each against its definition, pair by pair."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning import miners as library

from util.errors import InvalidInputError
from util.metric_learning.miners import MINERS, Miner, build_miner


@pytest.fixture
def batch():
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(3)), torch.arange(12) % 4


def distances_and_same(embeddings, labels):
    units = torch.nn.functional.normalize(embeddings).numpy().astype(np.float64)
    same = labels.numpy()[:, None] == labels.numpy()
    return np.linalg.norm(units[:, None] - units[None], axis=-1), same


def found(mined):
    return {tuple(row) for row in torch.stack(mined, dim=1).tolist()}


def test_multi_similarity_keeps_pairs_harder_than_the_hardest_of_the_other_kind(batch):
    distances, same = distances_and_same(*batch)
    cosines = 1 - distances**2 / 2
    a1, p, a2, n = build_miner("multi_similarity")(*batch)
    positives, negatives = set(), set()
    for i in range(12):
        others = [j for j in range(12) if j != i and same[i, j]]
        strangers = [j for j in range(12) if not same[i, j]]
        positives |= {(i, j) for j in others if cosines[i, j] - 0.1 < max(cosines[i, strangers])}
        negatives |= {(i, j) for j in strangers if cosines[i, j] + 0.1 > min(cosines[i, others])}
    assert found((a1, p)) == positives
    assert found((a2, n)) == negatives


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative(batch):
    distances, same = distances_and_same(*batch)
    expected = {
        (i, int(np.argmax(np.where(same[i], distances[i], -1))), int(np.argmin(np.where(same[i], 9, distances[i]))))
        for i in range(12)
    }
    assert found(build_miner("batch_hard")(*batch)) == expected


@pytest.mark.parametrize("kind", ["all", "hard", "semihard", "easy"])
def test_triplet_margin(batch, kind):
    distances, same = distances_and_same(*batch)
    wanted = {
        "all": lambda gap: gap <= 0.3,
        "easy": lambda gap: gap > 0.3,
        "hard": lambda gap: gap <= 0,
        "semihard": lambda gap: 0 < gap <= 0.3,
    }[kind]
    expected = {
        (a, p, n)
        for a in range(12)
        for p in range(12)
        for n in range(12)
        if a != p and same[a, p] and not same[a, n] and wanted(distances[a, n] - distances[a, p])
    }
    mined = build_miner({"name": "triplet_margin", "margin": 0.3, "type_of_triplets": kind})(*batch)
    assert expected
    assert found(mined) == expected


def test_pair_margin(batch):
    distances, same = distances_and_same(*batch)
    a1, p, a2, n = build_miner({"name": "pair_margin", "pos_margin": 1.0, "neg_margin": 1.2})(*batch)
    np.fill_diagonal(same, False)
    assert found((a1, p)) == set(zip(*(part.tolist() for part in np.nonzero(same & (distances > 1.0))), strict=True))
    np.fill_diagonal(same, True)
    assert found((a2, n)) == set(zip(*(part.tolist() for part in np.nonzero(~same & (distances < 1.2))), strict=True))


@pytest.mark.parametrize("name", [name for name in MINERS if name != "none"])
def test_positives_are_of_the_item_and_negatives_are_not(batch, name):
    embeddings, labels = batch
    mined = build_miner(name)(embeddings, labels)
    anchors = (mined[0], mined[-2]) if len(mined) == 4 else (mined[0], mined[0])
    assert len(mined[1]) and len(mined[-1])
    assert (labels[anchors[0]] == labels[mined[1]]).all() and (anchors[0] != mined[1]).all()
    assert (labels[anchors[1]] != labels[mined[-1]]).all()


@pytest.mark.parametrize("name", [name for name in MINERS if name not in ("none", "distance_weighted")])
def test_compares_in_32_bits_under_autocast_and_without_gradient(batch, name):
    embeddings, labels = batch
    halved = embeddings.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mined = build_miner(name)(halved, labels)
    torch.testing.assert_close(mined, build_miner(name)(halved.detach().float(), labels))


@pytest.mark.parametrize("name", [name for name in MINERS if name != "none"])
def test_a_batch_of_one_item_has_no_triplet(name):
    mined = build_miner(name)(torch.randn(3, 4), torch.zeros(3, dtype=torch.int64))
    assert len(mined[-1]) == 0


def test_none_and_miners_already_made():
    assert build_miner("none") is None
    assert build_miner(None) is None
    made = build_miner("batch_hard")
    assert build_miner(made) is made
    theirs = library.HDCMiner()
    assert isinstance(build_miner(theirs), Miner) and build_miner(theirs).miner is theirs


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("hardest", f"there is no miner 'hardest': choose one of {', '.join(MINERS)}"),
        ({"name": "batch_hard", "margin": 1}, "the miner batch_hard has no option 'margin': it has no options"),
        (
            {"name": "triplet_margin", "type_of_triplets": "semi"},
            "must be one of all, hard, semihard, easy, not 'semi'",
        ),
        ({"name": "multi_similarity", "epsilon": -1}, "epsilon of the miner multi_similarity must be a number from 0"),
        (["none"], "a miner is given by its name"),
    ],
)
def test_a_miner_that_cannot_be_built_is_said(specification, message):
    with pytest.raises(InvalidInputError, match=message):
        build_miner(specification)


def test_products_are_not_rounded_to_16_bits_under_autocast(batch):
    class FirstPair(torch.nn.Module):
        def forward(self, embeddings, labels):
            self.products = embeddings @ embeddings.T
            return labels[:1], labels[1:2], labels[:1], labels[2:3]

    embeddings, labels = batch
    theirs = FirstPair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        build_miner(theirs)(embeddings, labels)
    torch.testing.assert_close(theirs.products, embeddings @ embeddings.T)
