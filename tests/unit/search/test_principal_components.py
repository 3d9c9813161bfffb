"""Principal components of a space, against scikit-learn on all of its vectors at once."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from sklearn.decomposition import PCA

from util.errors import InvalidInputError, SpaceNotFoundError
from util.records import SpaceInfo, unit_rows
from util.search.principal_components import fit_projection

DIMENSION = 6


def fill(store, rows, name="s"):
    store.create_space(SpaceInfo(name, "e", rows.shape[1], "f" * 64))
    store.upsert(name, [f"{n:03}" for n in range(len(rows))], rows, [{}] * len(rows), fingerprint="f" * 64)


def images(count, seed=0, dimension=DIMENSION):
    random = np.random.default_rng(seed)
    return unit_rows(random.normal(size=(count, dimension)) * np.geomspace(1, 0.1, dimension) + 0.3)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("kept", [1, 3, DIMENSION - 1])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_it_is_that_of_scikit_learn(store, whiten, kept, batch_size):
    rows = images(40)
    fill(store, rows)
    oracle = PCA(kept, whiten=whiten, svd_solver="full").fit(rows.astype(np.float64))
    expected = oracle.transform(rows.astype(np.float64))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    fitted = fit_projection(store, "s", dimension=kept, power=float(whiten), batch_size=batch_size)
    found = fitted.projection.apply(rows)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=2e-4)
    assert fitted.explained == pytest.approx(oracle.explained_variance_ratio_.sum(), abs=1e-5)
    assert fitted.images == 40


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(8, 60), kept=st.integers(1, DIMENSION), power=st.floats(0, 1), seed=st.integers(0, 99))
def test_it_is_the_decomposition_of_numpy(store, count, kept, power, seed):
    rows = images(count, seed)
    name = f"s{len(store.list_spaces())}"
    fill(store, rows, name)
    found = fit_projection(store, name, dimension=kept, power=power, batch_size=5).projection
    mean = rows.astype(np.float64).mean(axis=0)
    _, widths, directions = np.linalg.svd(rows - mean, full_matrices=False)
    deviations = widths[:kept] / np.sqrt(count - 1)
    expected = directions[:kept] / deviations[:, None] ** power
    signs = np.sign((found.matrix * expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found.mean, mean, atol=1e-6)
    np.testing.assert_allclose(found.matrix, signs * expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_whitened_directions_are_equally_wide(store):
    rows = images(200)
    fill(store, rows)
    projection = fit_projection(store, "s", dimension=4, power=1).projection
    np.testing.assert_allclose(
        np.cov((rows - projection.mean) @ projection.matrix.T, rowvar=False), np.eye(4), atol=1e-3
    )


def test_rows_of_zeros_do_not_count(store):
    rows = images(30)
    fill(store, rows)
    fill(store, np.vstack([np.zeros((12, DIMENSION), "f4"), rows, np.zeros((9, DIMENSION), "f4")]), "with zeros")
    one, other = (fit_projection(store, name, dimension=3, batch_size=5) for name in ("s", "with zeros"))
    np.testing.assert_allclose(one.projection.matrix, other.projection.matrix, atol=1e-5)
    assert (one.images, other.images) == (30, 30)
    assert one.explained == pytest.approx(other.explained)


def test_memory_and_progress_are_by_batch(store):
    fill(store, images(25))
    told = []
    fit_projection(store, "s", dimension=2, batch_size=10, progress=lambda *now: told.append(now))
    assert told == [(10, 50), (20, 50), (25, 50)]


@pytest.mark.parametrize(
    ("rows", "wanted", "part"),
    [
        (images(4), 4, "4 vectors other than zero, which vary in at most 3 directions"),
        (images(1), 1, "1 vectors other than zero"),
        (np.zeros((0, DIMENSION), "f4"), 1, "0 vectors other than zero"),
        (np.zeros((20, DIMENSION), "f4"), 1, "0 vectors other than zero"),
        (np.repeat(images(1), 9, axis=0), 1, "space 's' cannot be reduced: all embeddings are the same"),
        (np.repeat(images(3), 9, axis=0), 3, "from 1 to 2 dimensions"),
        (np.eye(DIMENSION, dtype="f4").repeat(3, axis=0), DIMENSION, "from 1 to 5 dimensions"),
    ],
)
def test_too_few_directions_are_refused(store, rows, wanted, part):
    fill(store, rows)
    with pytest.raises(InvalidInputError, match=part):
        fit_projection(store, "s", dimension=wanted)


def test_no_such_space(store):
    with pytest.raises(SpaceNotFoundError):
        fit_projection(store, "nothing", dimension=2)
