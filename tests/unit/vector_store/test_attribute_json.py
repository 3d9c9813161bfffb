"""Attributes parsed once as long as they stay the same."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from util.vector_store.attribute_json import AttributeReader


def text(seed: int, length: int = 20_000) -> str:
    return json.dumps({"seed": seed, "numbers": "7" * length, "note": "früh"})


def test_every_text_is_read_as_json_does():
    read = AttributeReader()
    for one in ["{}", text(1, 10), *map(text, [1, 2, 3, 1, 4, 5, 6, 7, 2, 1])]:
        assert read(one) == json.loads(one)


def test_texts_of_one_length_are_told_apart():
    read = AttributeReader()
    first, last = '{"a": "' + "x" * 30_000 + '"}', '{"a": "' + "x" * 29_999 + 'y"}'
    assert read(first) != read(last)
    assert (read(first), read(last)) == (json.loads(first), json.loads(last))


def test_only_large_ones_are_remembered():
    read = AttributeReader()
    assert read(text(1)) is read(text(1))
    assert read(text(1, 10)) is not read(text(1, 10))


def test_memory_is_bounded():
    read = AttributeReader()
    long = 6_000_000
    first = read(text(1, long))
    read(text(2, long))
    assert read(text(1, long)) is first
    read(text(3, long))
    assert read(text(1, long)) is not first


def test_threads_are_given_what_they_ask_for():
    read = AttributeReader()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: read(text(n % 9))["seed"], range(400)))
    assert found == [n % 9 for n in range(400)]


def test_what_is_no_json_is_an_error_each_time():
    read = AttributeReader()
    for _ in range(2):
        with pytest.raises(json.JSONDecodeError):
            read(text(1)[:-1])
