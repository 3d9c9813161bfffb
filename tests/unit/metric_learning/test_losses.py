"""Every loss by name against the library or a naive computation, and what all of them promise."""

import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as library
from torch import nn

from util.errors import InvalidInputError
from util.metric_learning.losses import LOSSES, build_loss
from util.metric_learning.miners import build_miner

CLASSIFY = ("cross_entropy", "normalized_softmax", "arcface", "cosface", "subcenter_arcface")
LEARN = (*CLASSIFY, "proxy_anchor", "proxy_nca")
SMOOTHED = CLASSIFY[:-1]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(12, 6, generator=generator), torch.arange(12) % 4


def build(name):
    torch.manual_seed(7)
    return build_loss(name, classes=4, dimension=6)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def proxies_of(loss):
    """(D, C) as the loss learned them."""
    (parameter,) = loss.parameters()
    return parameter.detach().numpy().astype(np.float64)


def log_softmax(logits):
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


@pytest.mark.parametrize(
    ("specification", "oracle"),
    [
        ("contrastive", library.ContrastiveLoss()),
        ({"name": "contrastive", "neg_margin": 0.7}, library.ContrastiveLoss(neg_margin=0.7)),
        ("triplet", library.TripletMarginLoss(margin=0.2)),
        ({"name": "triplet", "margin": 1, "swap": True}, library.TripletMarginLoss(margin=1, swap=True)),
        ("circle", library.CircleLoss(m=0.4, gamma=80)),
        ("multi_similarity", library.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)),
        ("ntxent", library.NTXentLoss(temperature=0.07)),
        ("supcon", library.SupConLoss(temperature=0.1)),
    ],
)
@pytest.mark.parametrize("miner", ["none", "multi_similarity", "batch_hard"])
def test_pair_losses_are_the_librarys(batch, specification, oracle, miner):
    embeddings, labels = batch
    loss, find = build(specification), build_miner(miner)
    mined = find(embeddings, labels) if find else None
    torch.testing.assert_close(loss(embeddings, labels, mined), oracle(embeddings, labels, mined))


@pytest.mark.parametrize(
    ("specification", "kind", "options"),
    [
        ("proxy_anchor", library.ProxyAnchorLoss, {}),
        ({"name": "proxy_nca", "softmax_scale": 3}, library.ProxyNCALoss, {"softmax_scale": 3}),
        ({"name": "subcenter_arcface", "sub_centers": 2}, library.SubCenterArcFaceLoss, {"sub_centers": 2}),
        ("arcface", library.ArcFaceLoss, {}),
        ("cosface", library.CosFaceLoss, {}),
        ("normalized_softmax", library.NormalizedSoftmaxLoss, {}),
    ],
)
def test_losses_with_proxies_are_the_librarys(batch, specification, kind, options):
    loss = build(specification)
    torch.manual_seed(7)
    oracle = kind(num_classes=4, embedding_size=6, **options)
    torch.testing.assert_close(loss(*batch), oracle(*batch))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_a_linear_classifier(batch, smoothing):
    loss = build({"name": "cross_entropy", "label_smoothing": smoothing})
    weight, bias = (parameter.detach().numpy().astype(np.float64) for parameter in loss.parameters())
    each = []
    for vector, label in zip(*(part.numpy() for part in batch), strict=True):
        target = np.full(4, smoothing / 4)
        target[label] += 1 - smoothing
        each.append(-(target * log_softmax(weight @ vector + bias)).sum())
    assert loss(*batch).item() == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", ["arcface", "cosface", "normalized_softmax"])
def test_margin_losses_are_smoothed_cross_entropies_of_cosines(batch, name, smoothing):
    loss = build({"name": name, "label_smoothing": smoothing})
    centres = unit(proxies_of(loss).T)
    each = []
    for vector, label in zip(*(part.numpy() for part in batch), strict=True):
        logits = centres @ unit(vector)
        if name == "arcface":
            logits[label] = math.cos(math.acos(logits[label]) + math.radians(28.6))
        if name == "cosface":
            logits[label] -= 0.35
        logits *= 20 if name == "normalized_softmax" else 64
        target = np.full(4, smoothing / 4)
        target[label] += 1 - smoothing
        each.append(-(target * log_softmax(logits)).sum())
    assert loss(*batch).item() == pytest.approx(np.mean(each), rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_falls_when_it_is_minimised(batch, name):
    embeddings, labels = batch
    embeddings = embeddings.clone().requires_grad_()
    loss = build(name)
    optimizer = torch.optim.Adam([embeddings, *loss.parameters()], lr=0.05)
    before = loss(embeddings, labels).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss(embeddings, labels).backward()
        optimizer.step()
    assert loss(embeddings, labels).item() < 0.7 * before
    cosines = nn.functional.normalize(embeddings.detach()) @ nn.functional.normalize(embeddings.detach()).T
    same = labels[:, None] == labels
    assert cosines[same].mean() > cosines[~same].mean() + 0.5


@pytest.mark.parametrize("name", LOSSES)
def test_what_learns_has_parameters_for_optimiser_and_checkpoint(name):
    loss = build(name)
    assert loss.learns == (name in LEARN) == bool(list(loss.parameters())) == bool(loss.state_dict())
    assert loss.uses_pairs == (name not in LEARN)


@pytest.mark.parametrize("name", LEARN)
def test_what_was_learned_comes_back(batch, name):
    loss = build(name)
    other = build_loss(name, classes=4, dimension=6)
    assert not torch.equal(other(*batch), loss(*batch))
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(*batch), loss(*batch))


@pytest.mark.parametrize("name", LOSSES)
def test_computed_in_32_bits_under_autocast(batch, name):
    embeddings, labels = batch
    loss = build(name)
    halved = embeddings.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(halved, labels)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(halved.float(), labels))
    assert all(parameter.dtype == torch.float32 for parameter in loss.parameters())


@pytest.mark.parametrize("name", LOSSES)
def test_images_of_one_item_only_give_finite_gradients(name):
    embeddings = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = build(name)(embeddings, torch.zeros(3, dtype=torch.int64))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_equal_embeddings_give_finite_gradients(name):
    embeddings = torch.ones(6, 6).requires_grad_()
    loss = build(name)
    value = loss(embeddings, torch.tensor([0, 0, 1, 1, 2, 3]))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(embeddings.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in loss.parameters())


@pytest.mark.parametrize("name", ["arcface", "subcenter_arcface"])
def test_an_embedding_on_its_proxy_gives_finite_gradients(name):
    loss = build(name)
    (proxies,) = loss.parameters()
    centres = proxies.detach().T[:: proxies.shape[1] // 4]
    for factor in (0.5, 1.0, 1.7, 3.0):
        embeddings = (centres * factor).clone().requires_grad_()
        loss(embeddings, torch.arange(4)).backward()
        assert torch.isfinite(embeddings.grad).all() and torch.isfinite(proxies.grad).all()


@pytest.mark.parametrize("name", SMOOTHED)
def test_mixed_images_have_soft_labels(batch, name):
    embeddings, labels = batch
    other = labels.flip(0)
    loss = build(name)
    first, second = loss(embeddings, labels), loss(embeddings, other)
    torch.testing.assert_close(loss.mixed(embeddings, labels, other, 0.3), 0.3 * first + 0.7 * second)
    torch.testing.assert_close(loss.mixed(embeddings, labels, other, 1.0), first)
    torch.testing.assert_close(loss.mixed(embeddings, labels, other, 0), second)


def test_mixed_cross_entropy_is_the_one_with_soft_targets(batch):
    embeddings, labels = batch
    loss = build("cross_entropy")
    soft = 0.3 * nn.functional.one_hot(labels, 4) + 0.7 * nn.functional.one_hot(labels.flip(0), 4)
    weight, bias = loss.parameters()
    expected = nn.functional.cross_entropy(embeddings @ weight.T + bias, soft)
    torch.testing.assert_close(loss.mixed(embeddings, labels, labels.flip(0), 0.3), expected)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in (*CLASSIFY, "proxy_nca")])
def test_losses_that_compare_refuse_mixed_images(batch, name):
    embeddings, labels = batch
    loss = build(name)
    assert not loss.mixes
    with pytest.raises(InvalidInputError, match="choose a loss that classifies each image by itself"):
        loss.mixed(embeddings, labels, labels, 0.5)


def test_a_sum_is_weighted(batch):
    terms = [{"name": "arcface", "weight": 2, "margin": 20}, {"name": "cross_entropy", "weight": 0.5}]
    loss = build(terms)
    arcface, cross_entropy = loss.losses
    torch.testing.assert_close(loss(*batch), 2 * arcface(*batch) + 0.5 * cross_entropy(*batch))
    assert loss.learns and loss.mixes and not loss.uses_pairs
    assert len(list(loss.parameters())) == 3
    embeddings, labels = batch
    torch.testing.assert_close(loss.mixed(embeddings, labels, labels, 0.4), loss(*batch))


def test_in_a_sum_mined_pairs_go_to_the_losses_on_pairs(batch):
    loss = build([{"name": "triplet"}, {"name": "cross_entropy"}])
    assert loss.uses_pairs and not loss.mixes
    mined = (torch.tensor([0]), torch.tensor([4]), torch.tensor([1]))
    triplet, cross_entropy = loss.losses
    torch.testing.assert_close(loss(*batch, mined), triplet(*batch, mined) + cross_entropy(*batch))


def test_a_loss_already_made_is_used(batch):
    made = build("circle")
    assert build(made) is made
    theirs = library.ArcFaceLoss(num_classes=4, embedding_size=6)
    wrapped = build(theirs)
    assert wrapped.learns
    torch.testing.assert_close(wrapped(*batch), theirs(*batch))


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("archface", f"there is no loss 'archface': choose one of {', '.join(LOSSES)}"),
        ({"name": "arcface", "s": 30}, "the loss arcface has no option 's': its options are margin, scale, label"),
        ({"name": "arcface", "margin": 120}, "margin of the loss arcface must be a number from 0 to 90, not 120"),
        ({"name": "arcface", "margin": "0.5"}, "must be a number from 0 to 90, not '0.5'"),
        ({"name": "triplet", "swap": 1}, "swap of the loss triplet must be true or false, not 1"),
        ({"name": "subcenter_arcface", "sub_centers": 2.5}, "must be a whole number of at least 1"),
        ({"name": "cosface", "scale": float("nan")}, "must be a number of at least 0.001"),
        ({"margin": 0.5}, "a loss is given by its name"),
        (7, "a loss is given by its name"),
        ([], "at least one"),
        ([{"name": "circle", "weight": 0}], "the weights of losses must be numbers above zero, not"),
        ([{"name": "circle", "weight": "a"}], "the weights of losses must be numbers above zero, not"),
        ([{"name": "circle"}, {"name": "circel"}], "there is no loss 'circel'"),
        ([3], "a loss is given by its name"),
    ],
)
def test_a_loss_that_cannot_be_built_is_said(specification, message):
    with pytest.raises(InvalidInputError, match=message):
        build_loss(specification, classes=4, dimension=6)


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        (torch.zeros(3, 5), torch.zeros(3, dtype=torch.int64), "embeddings of length 6, not 5"),
        (torch.zeros(3, 6), torch.tensor([0, 1, 4]), r"labels must be in \[0, 4\), got 0 to 4"),
        (torch.zeros(3, 6), torch.tensor([0, 1, -1]), r"labels must be in \[0, 4\), got -1 to 1"),
        (torch.zeros(3, 6), torch.zeros(3), "int64 labels, not torch.float32 and torch.float32"),
        (torch.zeros(3, 6), torch.zeros(2, dtype=torch.int64), r"not \(3, 6\) and \(2,\)"),
        (torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64), "at least one"),
        (torch.zeros(6), torch.zeros(6, dtype=torch.int64), r"embeddings \(N, D\)"),
    ],
)
def test_a_batch_that_cannot_be_used_is_said(embeddings, labels, message):
    with pytest.raises(InvalidInputError, match=message):
        build("arcface")(embeddings, labels)


def test_shares_and_sizes_out_of_range_are_said(batch):
    embeddings, labels = batch
    with pytest.raises(InvalidInputError, match="share of the first item must be in"):
        build("arcface").mixed(embeddings, labels, labels, 1.5)
    with pytest.raises(InvalidInputError, match="at least two items"):
        build_loss("arcface", classes=1, dimension=6)
