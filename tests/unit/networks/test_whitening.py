"""Whitening against scikit-learn, lists of pairs, and Gaussian data whose covariance is known."""

from itertools import combinations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from util.errors import InvalidInputError
from util.networks import whitening
from util.networks.whitening import Whitening, fit_learned_whitening, fit_pca


def gaussians(items: int, each: int, dimension: int, widest: float = 3.0):
    """Images of items: their centres, and about these a covariance that is the same for all items.

    Returns:
        float32 (items · each, dimension), the item of each row, and the covariance within items.
    """
    random = np.random.default_rng(0)
    mixing = random.normal(size=(dimension, dimension)) * np.geomspace(widest, widest / 10, dimension)
    centres = random.normal(size=(items, dimension)).repeat(each, axis=0)
    images = centres + random.normal(size=centres.shape) @ mixing.T + 5
    return torch.from_numpy(images.astype(np.float32)), np.arange(items).repeat(each).tolist(), mixing @ mixing.T


def covariance(rows: torch.Tensor) -> np.ndarray:
    return np.cov(rows.double().numpy(), rowvar=False)


@pytest.mark.parametrize("whiten", [True, False])
@pytest.mark.parametrize(("count", "dimension"), [(300, 8), (300, 3), (6, 4)])
def test_pca_is_that_of_scikit_learn(count, dimension, whiten):
    embeddings = gaussians(count, 1, 8)[0]
    oracle = PCA(dimension, whiten=whiten, svd_solver="full").fit(embeddings.double().numpy())
    fitted = fit_pca(embeddings, dimension=dimension, power=float(whiten))
    expected = oracle.transform(embeddings.double().numpy())
    output = fitted(embeddings).numpy()
    signs = np.sign((output * expected).sum(axis=0))
    np.testing.assert_allclose(output, expected * signs, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(fitted.explained, oracle.explained_variance_ratio_, rtol=1e-4)


def test_whitened_embeddings_have_the_identity_as_covariance():
    embeddings = gaussians(400, 1, 10)[0]
    np.testing.assert_allclose(covariance(fit_pca(embeddings)(embeddings)), np.eye(10), atol=1e-3)


def test_attenuation_lies_between_rotation_and_whitening():
    embeddings = gaussians(400, 1, 6)[0]
    rotated, half, white = (covariance(fit_pca(embeddings, power=power)(embeddings)) for power in (0, 0.5, 1))
    np.testing.assert_allclose(np.diag(half), np.sqrt(np.diag(rotated)), rtol=1e-3)
    np.testing.assert_allclose(np.diag(white), 1, rtol=1e-3)


def test_fewer_embeddings_than_dimensions_leave_as_many_as_they_vary_in():
    embeddings = gaussians(6, 1, 9)[0]
    fitted = fit_pca(embeddings)
    assert fitted.projection.shape == (5, 9)
    np.testing.assert_allclose(covariance(fitted(embeddings)), np.eye(5), atol=1e-3)
    assert fitted.explained.sum().item() == pytest.approx(1)
    with pytest.raises(
        InvalidInputError, match="from 1 to 5 dimensions here, as many as the embeddings vary in, not 6"
    ):
        fit_pca(embeddings, dimension=6)


@given(
    st.lists(st.integers(0, 4), min_size=3, max_size=30).filter(lambda items: len(set(items)) < len(items)),
    st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_the_scatter_of_pairs_is_that_of_their_list(items, seed):
    rows = np.random.default_rng(seed).normal(size=(len(items), 4))
    differences = [rows[i] - rows[j] for i, j in combinations(range(len(items)), 2) if items[i] == items[j]]
    expected = np.mean([np.outer(difference, difference) for difference in differences], axis=0) / 2
    np.testing.assert_allclose(whitening._matched_scatter(torch.from_numpy(rows), items), expected, atol=1e-10)


def test_blocks_do_not_change_the_fit(monkeypatch):
    embeddings, items, _ = gaussians(20, 4, 6)
    whole = fit_learned_whitening(embeddings, items)
    monkeypatch.setattr(whitening, "BLOCK", 7)
    torch.testing.assert_close(fit_learned_whitening(embeddings, items).projection, whole.projection)


def test_learned_whitening_makes_the_covariance_within_items_the_identity():
    embeddings, items, within = gaussians(2000, 4, 6)
    fitted = fit_learned_whitening(embeddings, items)
    output = fitted(embeddings)
    centred = output.reshape(2000, 4, 6) - output.reshape(2000, 4, 6).mean(dim=1, keepdim=True)
    np.testing.assert_allclose(covariance(centred.reshape(-1, 6)) * 4 / 3, np.eye(6), atol=1e-2)
    projection = fitted.projection.double().numpy()  # and nearly so for the covariance they were drawn with
    np.testing.assert_allclose(projection @ within @ projection.T, np.eye(6), atol=0.1)


def test_learned_whitening_orders_what_lies_between_items():
    embeddings, items, _ = gaussians(500, 4, 6)
    fitted = fit_learned_whitening(embeddings, items)
    total = covariance(fitted(embeddings))
    np.testing.assert_allclose(total, np.diag(np.diag(total)), atol=2e-3 * total[0, 0])
    assert (np.diff(np.diag(total)) <= 0).all()
    # The generalised eigenvalues of total against within covariance, by another route.
    pairs = whitening._matched_scatter(embeddings, items).numpy()
    expected = scipy.linalg.eigh(covariance(embeddings), pairs, eigvals_only=True)[::-1]
    np.testing.assert_allclose(np.diag(total), expected, rtol=2e-3)
    np.testing.assert_allclose(fitted.explained, expected / expected.sum(), rtol=2e-3)


def nearest_is_of_the_same_item(gallery: torch.Tensor, queries: torch.Tensor) -> float:
    """Share of queries, row i showing item i, whose nearest gallery row is i."""
    return (torch.cdist(queries, gallery).argmin(dim=1) == torch.arange(len(gallery))).float().mean().item()


@pytest.mark.parametrize("dimension", [None, 8])
def test_learned_whitening_finds_unseen_items_better(dimension):
    embeddings, items, _ = gaussians(300, 4, 12, widest=0.2)
    # One light for all: three directions vary widely among the images of every item.
    embeddings[:, :3] += 10 * torch.randn(len(embeddings), 3, generator=torch.Generator().manual_seed(1))
    fitted = fit_learned_whitening(embeddings[:800], items[:800], dimension=dimension)
    gallery, queries = embeddings[800::4], embeddings[801::4]
    before = nearest_is_of_the_same_item(gallery, queries)
    after = nearest_is_of_the_same_item(fitted(gallery), fitted(queries))
    assert after > before + 0.3


def test_fewer_pairs_than_dimensions_are_regularised():
    embeddings, items, _ = gaussians(5, 2, 20)
    fitted = fit_learned_whitening(embeddings, items, floor=1e-3)
    assert torch.isfinite(fitted.projection).all()
    assert fitted.projection.shape == (9, 20)
    variances = np.linalg.eigvalsh(whitening._matched_scatter(embeddings, items).numpy())
    assert np.linalg.norm(fitted.projection, 2) <= 1.001 / np.sqrt(1e-3 * variances.mean())


def test_labels_may_be_names_or_a_tensor():
    embeddings, items, _ = gaussians(20, 3, 4)
    expected = fit_learned_whitening(embeddings, items).projection
    named = [f"bottle {item}" for item in items]
    torch.testing.assert_close(fit_learned_whitening(embeddings, named).projection, expected)
    torch.testing.assert_close(fit_learned_whitening(embeddings, torch.tensor(items)).projection, expected)


def test_is_kept_in_a_state_dict_and_can_be_shortened():
    embeddings, items, _ = gaussians(50, 3, 8)
    fitted = fit_learned_whitening(embeddings, items)
    loaded = Whitening.empty(8, 8)
    loaded.load_state_dict(fitted.state_dict())
    assert torch.equal(loaded(embeddings), fitted(embeddings))
    torch.testing.assert_close(loaded.shortened(3)(embeddings), fitted(embeddings)[:, :3])
    torch.testing.assert_close(Whitening.empty(8, 5)(embeddings), embeddings[:, :5])
    assert repr(loaded.shortened(3)).startswith("Whitening(inputs=8, dimension=3, explained=0.")


def test_is_computed_in_full_precision_under_autocast():
    embeddings, items, _ = gaussians(50, 3, 8)
    fitted = fit_learned_whitening(embeddings, items)
    with torch.autocast("cpu", torch.bfloat16):
        output = fitted(embeddings)
    assert torch.equal(output, fitted(embeddings))


ROWS = torch.eye(4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: fit_pca(torch.zeros(1, 4)), r"N of at least 2, not to torch.float32 of shape \(1, 4\)"),
        (lambda: fit_pca(torch.zeros(4, 4, dtype=torch.long)), "not to torch.int64"),
        (lambda: fit_pca(torch.tensor([[1.0], [torch.nan]])), "1 of 2 embeddings hold NaN or infinity"),
        (lambda: fit_pca(torch.ones(4, 4)), "all embeddings are the same"),
        (lambda: fit_pca(ROWS, power=2), "not at 2"),
        (lambda: fit_pca(ROWS, dimension=0), "from 1 to 3 dimensions here.*not 0"),
        (lambda: fit_learned_whitening(ROWS, "abcd"), "no item has two images among 4"),
        (lambda: fit_learned_whitening(ROWS, "aab"), "3 items for 4 embeddings"),
        (lambda: fit_learned_whitening(ROWS, "aabb", floor=0), "above 0, not 0"),
        (lambda: fit_learned_whitening(ROWS[[0, 0, 1, 1]] * 0.3, "aabb"), "all images of an item have the same embed"),
        (lambda: Whitening(torch.zeros(3), torch.eye(4), torch.zeros(4)), r"not \(3,\), \(4, 4\) and \(4,\)"),
        (lambda: Whitening.empty(4, 4).shortened(5), "from 1 to 4 dimensions here"),
    ],
)
def test_what_cannot_be_whitened_is_said(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        wrong()
