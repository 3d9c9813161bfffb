"""Reduced spaces: complete, gone on with, replaced, or refused."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from util.errors import (
    FingerprintMismatchError,
    InvalidInputError,
    SpaceExistsError,
    SpaceNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from util.records import SpaceInfo, unit_rows
from util.search.copying import copy_space
from util.search.projection import projection_of
from util.search.reducing import INCOMPLETE, Reduction, reduce_space
from util.vector_store import open_store

COUNT, DIMENSION, FINGERPRINT = 50, 8, "f" * 64
IDS = [f"{n:02}/ü.jpg" for n in range(COUNT)]
ROWS = unit_rows(np.random.default_rng(0).standard_normal((COUNT, DIMENSION)) * np.geomspace(1, 0.1, DIMENSION) + 0.2)
ROWS[7] = 0
METADATA = [{"n": n, "price": n / 3, "big": 2**60 + n, "tags": ["ü"], "none": None} for n in range(COUNT)]
CALIBRATION = {"source": "queries", "false_accept_rate": 0.05, "calibration": {"threshold": 0.7}}


@pytest.fixture(params=["embedded", "qdrant+local"])
def store(request, tmp_path):
    with open_store(f"{request.param}:{tmp_path / 'store'}") as opened:
        opened.create_space(
            SpaceInfo(
                "s", "e", DIMENSION, FINGERPRINT, "resize=4", attributes={"calibration": CALIBRATION, "note": "früh"}
            )
        )
        opened.upsert("s", IDS, ROWS, METADATA, fingerprint=FINGERPRINT)
        yield opened


class Failing:
    """A store that goes away after some batches."""

    def __init__(self, store, batches):
        self._store, self._batches = store, batches

    def __getattr__(self, name):
        return getattr(self._store, name)

    def upsert(self, *arguments, **options):
        if not self._batches:
            raise StoreUnavailableError("gone")
        self._batches -= 1
        self._store.upsert(*arguments, **options)


def test_everything_comes_along_and_vectors_are_shorter(store):
    told = []
    before = store.info("s")
    done = reduce_space(store, "s", Reduction(3), batch_size=20, progress=lambda *now: told.append(now))
    assert (done.space, done.target, done.images, done.written) == ("s", "s-pca3", COUNT, COUNT)
    assert (done.dimension, done.bytes_before, done.bytes_after) == (3, 32, 12)
    assert told == [(20, 100), (40, 100), (50, 100), (70, 100), (90, 100), (100, 100)]
    assert store.info("s") == before

    kept = np.delete(np.arange(COUNT), 7)
    oracle = PCA(3, svd_solver="full").fit(ROWS[kept].astype(np.float64))
    expected = oracle.transform(ROWS[kept].astype(np.float64))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    there = store.get("s-pca3", IDS)
    assert there.ids == tuple(IDS)
    assert [dict(one) for one in there.metadata] == METADATA
    signs = np.sign((there.vectors[kept] * expected).sum(axis=0))
    np.testing.assert_allclose(there.vectors[kept], signs * expected, atol=2e-4)
    assert not there.vectors[7].any(), "similar to nothing before, similar to nothing now"
    assert done.explained == pytest.approx(oracle.explained_variance_ratio_.sum(), abs=1e-5)


def test_the_new_space_keeps_what_it_takes_to_extend_it(store):
    reduce_space(store, "s", Reduction(4, power=0.5), name="früh")
    info = store.info("früh")
    assert (info.extractor, info.recipe, info.dimension, info.count) == ("e", "resize=4", 4, COUNT)
    projection = projection_of(info)
    assert info.fingerprint == projection.follow(FINGERPRINT)
    np.testing.assert_array_equal(store.get("früh", IDS).vectors, projection.apply(ROWS))
    about = info.attributes["projection"]
    assert (about["space"], about["images"], about["power"]) == ("s", COUNT - 1, 0.5)
    assert INCOMPLETE not in info.attributes
    assert "note" not in info.attributes
    assert info.attributes["calibration"] == {"source": "gallery", "false_accept_rate": 0.05}, "scores are others now"


def test_other_embeddings_are_kept_out(store):
    reduce_space(store, "s", Reduction(4))
    reduce_space(store, "s", Reduction(4, power=1))
    fingerprints = {store.info(name).fingerprint for name in ("s", "s-pca4", "s-pcaw4")}
    assert len(fingerprints) == 3
    for fingerprint in fingerprints - {store.info("s-pca4").fingerprint}:
        with pytest.raises(FingerprintMismatchError):
            store.search("s-pca4", unit_rows([[1.0, 0, 0, 0]]), 3, fingerprint=fingerprint)


@pytest.mark.parametrize("kind", ["embedded", "qdrant+local"])
def test_a_copy_keeps_the_projection(store, tmp_path, kind):
    reduce_space(store, "s", Reduction(4))
    with open_store(f"{kind}:{tmp_path / 'copy'}") as other:
        copy_space(store, "s-pca4", other, name="copy")
        assert other.info("copy").attributes == store.info("s-pca4").attributes
        assert projection_of(other.info("copy")).sha256 == projection_of(store.info("s-pca4")).sha256


def test_one_that_was_broken_off_goes_on_with_the_projection_it_had(store):
    with pytest.raises(StoreUnavailableError):
        reduce_space(Failing(store, 2), "s", Reduction(4), batch_size=10)
    unfinished = store.info("s-pca4")
    assert (unfinished.count, unfinished.attributes[INCOMPLETE]) == (20, True)
    # What came meanwhile is written too, but does not turn the axes that 20 images lie on.
    store.upsert("s", ["new"], unit_rows([[1.0] * DIMENSION]), [{}], fingerprint=FINGERPRINT)
    told = []
    done = reduce_space(store, "s", Reduction(4), batch_size=10, progress=lambda *now: told.append(now))
    assert (done.images, done.written) == (COUNT + 1, COUNT + 1 - 20)
    assert told[0] == (61, 102), "nothing is fitted again"
    assert told[-1] == (102, 102)
    info = store.info("s-pca4")
    assert info.fingerprint == unfinished.fingerprint
    assert INCOMPLETE not in info.attributes
    np.testing.assert_array_equal(store.get("s-pca4", IDS).vectors, projection_of(info).apply(ROWS))


@pytest.mark.parametrize("other", [Reduction(3), Reduction(4, power=0.5)])
def test_one_that_was_broken_off_is_not_gone_on_with_in_another_way(store, other):
    with pytest.raises(StoreUnavailableError):
        reduce_space(Failing(store, 2), "s", Reduction(4), name="t", batch_size=10)
    with pytest.raises(SpaceExistsError):
        reduce_space(store, "s", other, name="t")
    assert reduce_space(store, "s", other, name="t", overwrite=True).written == COUNT
    assert store.info("t").dimension == other.dimension


def test_one_of_which_images_went_meanwhile_is_said_to_be_none(store):
    with pytest.raises(StoreUnavailableError):
        reduce_space(Failing(store, 2), "s", Reduction(4), batch_size=10)
    store.delete("s", ids=IDS[:1])
    with pytest.raises(StoreError, match="holds 50 images and 's' 49"):
        reduce_space(store, "s", Reduction(4), batch_size=10)
    assert store.info("s-pca4").attributes[INCOMPLETE]
    assert reduce_space(store, "s", Reduction(4), overwrite=True).images == COUNT - 1


def test_a_name_that_is_taken_is_only_replaced_on_demand(store):
    reduce_space(store, "s", Reduction(4))
    store.upsert("s", ["new"], unit_rows([[1.0] * DIMENSION]), [{}], fingerprint=FINGERPRINT)
    with pytest.raises(SpaceExistsError, match=r"'s-pca4' already: .*--to.*--overwrite"):
        reduce_space(store, "s", Reduction(4))
    assert store.count("s-pca4") == COUNT
    assert reduce_space(store, "s", Reduction(4), overwrite=True).images == COUNT + 1


def test_what_cannot_be_fitted_replaces_nothing(store):
    reduce_space(store, "s", Reduction(4), name="t")
    store.delete("s", ids=IDS[3:])
    with pytest.raises(InvalidInputError, match="3 vectors"):
        reduce_space(store, "s", Reduction(5), name="t", overwrite=True)
    assert store.count("t") == COUNT


def test_an_index_that_is_none_for_shorter_vectors_costs_nothing(tmp_path):
    with open_store(f"embedded:{tmp_path / 'store'}") as store:
        store.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT, index="PQ4"))
        store.upsert("s", IDS, ROWS, METADATA, fingerprint=FINGERPRINT)
        reduce_space(store, "s", Reduction(4), name="t")
        assert store.info("t").index == "PQ4"
        with pytest.raises(InvalidInputError, match=r"the search index of 's', 'PQ4': .*nearid spaces index"):
            reduce_space(store, "s", Reduction(3), name="t", overwrite=True)
        assert [(info.name, info.dimension, info.count) for info in store.list_spaces()] == [
            ("s", DIMENSION, COUNT),
            ("t", 4, COUNT),
        ]


def test_what_a_killed_run_left_of_its_trial_is_in_nobodys_way(store):
    reduce_space(store, "s", Reduction(4))
    half = replace(store.info("s-pca4"), name="s-pca4.trial", attributes={INCOMPLETE: True}, count=0)
    store.create_space(half)
    assert reduce_space(store, "s", Reduction(4), overwrite=True).written == COUNT
    assert [info.name for info in store.list_spaces()] == ["s", "s-pca4"]


def test_a_space_that_is_called_like_a_trial_is_kept(store):
    reduce_space(store, "s", Reduction(4))
    reduce_space(store, "s", Reduction(3), name="s-pca4.trial")
    with pytest.raises(SpaceExistsError, match=r"'s-pca4\.trial'"):
        reduce_space(store, "s", Reduction(4), overwrite=True)
    assert [(info.name, info.count) for info in store.list_spaces()] == [
        (name, COUNT) for name in ("s", "s-pca4", "s-pca4.trial")
    ]


@pytest.mark.parametrize(
    ("space", "reduction", "options", "error", "part"),
    [
        ("nothing", Reduction(3), {}, SpaceNotFoundError, "'nothing'"),
        ("s", Reduction(DIMENSION + 1), {}, InvalidInputError, "vectors of 8 numbers, which cannot be reduced to 9"),
        ("s", Reduction(3), {"name": "s"}, InvalidInputError, "onto itself"),
        ("s", Reduction(3), {"name": "s", "overwrite": True}, InvalidInputError, "onto itself"),
        ("s", Reduction(3), {"name": "a/b"}, InvalidInputError, "cannot name a space"),
    ],
)
def test_what_cannot_be_is_refused(store, space, reduction, options, error, part):
    with pytest.raises(error, match=part):
        reduce_space(store, space, reduction, **options)
    assert [info.name for info in store.list_spaces()] == ["s"]


def test_a_reduced_space_is_not_reduced_once_more(store):
    reduce_space(store, "s", Reduction(4))
    with pytest.raises(InvalidInputError, match="is reduced already: reduce the one it was made from, 's'"):
        reduce_space(store, "s-pca4", Reduction(2))


@pytest.mark.parametrize(
    ("values", "part"),
    [((0,), "at least 1, not 0"), ((4, 1.5), "not at 1.5"), ((4, -0.1), "power"), ((4, float("nan")), "nan")],
)
def test_reductions_that_mean_nothing(values, part):
    with pytest.raises(InvalidInputError, match=part):
        Reduction(*values)
