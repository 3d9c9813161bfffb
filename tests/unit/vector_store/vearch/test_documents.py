"""Images as documents."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from util.errors import InvalidInputError, StoreError
from util.vector_store.vearch.documents import content_of, encode, numbers, slot_of, vectors_of
from util.vector_store.vearch.schema import TEXT_BYTES, TEXTS

VECTOR = np.array([0.6, -0.8], dtype=np.float32)


@given(vectors=arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_float32_survive_decimal_digits_and_a_parser_of_doubles(vectors):
    read = np.array(json.loads(f"[{numbers(vectors)}]"), dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(read, vectors.ravel())


@pytest.mark.parametrize("size", [0, 10, TEXT_BYTES - 9, TEXT_BYTES, 3 * TEXT_BYTES])
def test_content_comes_back_whatever_its_size(size):
    content = {"t": "x" * size, "ü": "日\n\x01"}
    document = encode("a", VECTOR, content, ["*"])
    fields = json.loads(document.json)
    assert all(len(fields[text].encode()) <= TEXT_BYTES for text in TEXTS)
    assert content_of(fields) == content
    np.testing.assert_array_equal(vectors_of([fields], 2), [VECTOR])


def test_content_that_has_no_room_is_refused():
    with pytest.raises(InvalidInputError, match="image 'a' takes .* at most 262,140"):
        encode("a", VECTOR, {"t": "x" * (4 * TEXT_BYTES)}, ["*"])


@pytest.mark.parametrize("document", [{}, dict.fromkeys(TEXTS, ""), dict.fromkeys(TEXTS, 7), dict.fromkeys(TEXTS, "{")])
def test_a_document_of_another_program_is_refused(document):
    with pytest.raises(StoreError, match="'x' in Vearch was not written by NearID"):
        content_of({"_id": "x", **document})


@pytest.mark.parametrize("vector", [None, [1.0], "ab"])
def test_a_vector_of_another_dimension_is_refused(vector):
    with pytest.raises(StoreError, match="not 2 numbers"):
        vectors_of([{"vector": vector}], 2)


def test_slots_are_spread_evenly():
    slots = np.array([slot_of(f"item/{n}.jpg") for n in range(20_000)])
    assert slots.min() >= 0
    filled, _ = np.histogram(slots, bins=16, range=(0, 2**31))
    assert filled.min() > 1100  # of 1250 on average, with a deviation of 34
    assert filled.max() < 1400
