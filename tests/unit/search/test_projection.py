"""A projection as numbers and as JSON, against sums written out, and damaged in every way."""

import base64
import hashlib
import json
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from util.errors import DimensionMismatchError, InvalidInputError, StoreError
from util.records import SpaceInfo
from util.search.projection import Projection, projection_of, without_numbers

NUMBERS = st.floats(-8, 8, width=32)
INPUTS, DIMENSION = 5, 3

projections = st.builds(
    Projection, arrays(np.float32, INPUTS, elements=NUMBERS), arrays(np.float32, (DIMENSION, INPUTS), elements=NUMBERS)
)
embeddings = arrays(np.float32, st.tuples(st.integers(0, 6), st.just(INPUTS)), elements=NUMBERS)


def some(seed: int = 0) -> Projection:
    random = np.random.default_rng(seed)
    return Projection(random.normal(size=INPUTS), random.normal(size=(DIMENSION, INPUTS)))


def written_out(projection: Projection, row: np.ndarray) -> np.ndarray:
    """One row, number by number."""
    if not any(row):
        return np.zeros(len(projection.matrix))
    made = [
        sum(float(p) * (float(x) - float(m)) for p, x, m in zip(weights, row, projection.mean, strict=True))
        for weights in projection.matrix
    ]
    length = sum(number**2 for number in made) ** 0.5
    return np.array(made) / length if length > 1e-6 else np.full(len(made), np.nan)


@given(projections, embeddings)
def test_it_is_the_sum_written_out(projection, rows):
    made = projection.apply(rows)
    assert (made.dtype, made.shape, made.flags.c_contiguous) == (np.float32, (len(rows), DIMENSION), True)
    for row, found in zip(rows, made, strict=True):
        expected = written_out(projection, row)
        if not np.isnan(expected).any():  # what is projected to nearly nothing has any direction
            np.testing.assert_allclose(found, expected, atol=1e-5)


@given(projections, embeddings)
def test_lengths_are_one_or_zero_and_zero_rows_stay_zero(projection, rows):
    lengths = np.linalg.norm(projection.apply(rows).astype(np.float64), axis=1)
    assert np.all(np.isclose(lengths, 1, atol=1e-6) | (lengths == 0))
    assert not lengths[~rows.any(axis=1)].any()


@given(projections, embeddings)
def test_an_image_has_one_embedding_alone_or_in_a_batch(projection, rows):
    together = projection.apply(rows)
    for place, row in enumerate(rows):
        if not np.isnan(written_out(projection, row)).any():
            np.testing.assert_allclose(projection.apply(row[None])[0], together[place], atol=1e-6)


@given(projections)
def test_json_brings_it_back_bit_by_bit(projection):
    read = Projection.from_json(json.loads(json.dumps(projection.to_json())))
    assert read.mean.tobytes() == projection.mean.tobytes()
    assert read.matrix.tobytes() == projection.matrix.tobytes()
    assert (read.sha256, read.inputs, read.dimension) == (projection.sha256, INPUTS, DIMENSION)


def test_the_documented_format():
    kept = Projection(np.array([1, 0.5]), np.array([[0.25, -2]])).to_json()
    mean, matrix = bytes.fromhex("0000803f0000003f"), bytes.fromhex("0000803e000000c0")
    assert kept == {
        "shape": [1, 2],
        "sha256": hashlib.sha256(b"[1, 2]" + mean + matrix).hexdigest(),
        "mean": base64.b64encode(mean).decode(),
        "matrix": base64.b64encode(matrix).decode(),
    }


def test_nothing_can_change_it():
    numbers = np.eye(2, dtype=np.float32)
    projection = Projection(np.zeros(2), numbers)
    before = projection.sha256
    numbers[0, 0] = 7
    assert Projection(projection.mean, projection.matrix).sha256 == before
    with pytest.raises(ValueError, match="read-only"):
        projection.matrix[0, 0] = 7


def test_fingerprints_differ_by_extractor_and_by_every_number():
    one = some()
    nudged = one.matrix.copy()
    nudged[1, 1] = np.nextafter(nudged[1, 1], np.float32(9))
    found = {
        one.follow("a"), one.follow("b"), Projection(one.mean, nudged).follow("a"),
        Projection(one.mean * 2, one.matrix).follow("a"), "a",
    }  # fmt: skip
    assert len(found) == 5
    assert one.follow("a") == Projection(one.mean, one.matrix).follow("a")
    assert all(len(fingerprint) == 64 for fingerprint in found - {"a"})


@pytest.mark.parametrize(
    ("mean", "matrix", "part"),
    [
        (np.zeros(3), np.zeros((2, 4)), r"not \(3,\) and \(2, 4\)"),
        (np.zeros((1, 4)), np.zeros((2, 4)), r"\(1, 4\)"),
        (np.zeros(4), np.zeros(4), r"matrix \(d, D\)"),
        (np.zeros(0), np.zeros((2, 0)), r"\(2, 0\)"),
        (np.array([np.nan]), np.zeros((1, 1)), "NaN"),
        (np.zeros(1), np.array([[np.inf]]), "infinity"),
    ],
)
def test_what_is_no_projection_is_refused(mean, matrix, part):
    with pytest.raises(InvalidInputError, match=part):
        Projection(mean, matrix)


@pytest.mark.parametrize("rows", [np.zeros((2, INPUTS + 1), "f4"), np.zeros(INPUTS, "f4")])
def test_embeddings_of_another_length_are_refused(rows):
    with pytest.raises(DimensionMismatchError, match=rf"\(N, {INPUTS}\)"):
        some().apply(rows)


def space(kept: object, dimension: int = DIMENSION) -> SpaceInfo:
    return SpaceInfo("bottles", "e", dimension, "f" * 64, attributes={"projection": kept})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda kept: "text", "no JSON object"),
        (lambda kept: {key: kept[key] for key in kept if key != "matrix"}, "'matrix'"),
        (lambda kept: {key: kept[key] for key in kept if key != "shape"}, "'shape'"),
        (lambda kept: {key: kept[key] for key in kept if key != "sha256"}, "'sha256'"),
        (lambda kept: kept | {"shape": [4, INPUTS]}, "reshape"),
        (lambda kept: kept | {"shape": [INPUTS, DIMENSION]}, "a mean"),
        (lambda kept: kept | {"shape": 7}, "not iterable"),
        (lambda kept: kept | {"mean": "%%%%"}, "base64|alphabet"),
        (lambda kept: kept | {"mean": 7}, "bytes-like"),
        (lambda kept: kept | {"matrix": kept["matrix"][:-4]}, "buffer size|reshape"),
        (lambda kept: kept | {"mean": "AACAfwAAgH8AAIB/AACAfwAAgH8="}, "infinity"),
        (lambda kept: kept | {"matrix": "A" + kept["matrix"][1:]}, "sha256"),
        (lambda kept: kept | {"sha256": "0" * 64}, "not 000000000000…"),
    ],
)
def test_a_damaged_one_is_said_so(change, part):
    kept = some(seed=1).to_json()
    with pytest.raises(StoreError, match=r"projection kept with space 'bottles' is damaged \(.*") as raised:
        projection_of(space(change(kept)))
    assert re.search(part, str(raised.value)), raised.value
    assert "nearid spaces reduce" in str(raised.value)


def test_one_of_another_dimension_than_the_space_is_said_so():
    with pytest.raises(StoreError, match="leaves 3 dimensions of the space's 4"):
        projection_of(space(some().to_json(), dimension=4))


def test_it_is_read_once_for_all_infos_of_a_space():
    kept = json.dumps(some(seed=2).to_json() | {"explained": 0.5})
    assert projection_of(space(json.loads(kept))) is projection_of(space(json.loads(kept)))


def test_a_person_is_not_shown_the_numbers():
    kept = some().to_json() | {"explained": 0.5}
    shown = without_numbers({"projection": kept, "calibration": {"mean": 3}, "note": "früh"})
    assert shown["calibration"] == {"mean": 3}
    assert set(shown["projection"]) == {"shape", "sha256", "explained"}
    assert "matrix" in kept
