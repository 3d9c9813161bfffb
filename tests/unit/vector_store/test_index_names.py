"""Search indexes by name: what can be written, and what is said of what cannot."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from util.errors import InvalidInputError
from util.preprocess.grammar import Choice, Flag, Number
from util.vector_store.index_names import OPTIONS, IndexName, is_exact, is_name, read_index_name


def values(kind):
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, Choice):
        return st.sampled_from(kind.options)
    assert isinstance(kind, Number)
    return st.integers(int(kind.low), int(kind.high))


@st.composite
def names(draw):
    kind = draw(st.sampled_from(sorted(OPTIONS)))
    chosen = draw(st.lists(st.sampled_from(sorted(OPTIONS[kind])), unique=True)) if OPTIONS[kind] else []
    return kind, {option: draw(values(OPTIONS[kind][option])) for option in chosen}


@given(names(), st.sampled_from([",", ":", " , "]))
def test_whatever_is_written_in_order_is_read(name, separator):
    kind, options = name
    written = [f"{option}={str(value).lower()}" for option, value in options.items()]
    text = f"{kind}:{separator.join(written)}" if written else kind
    assert read_index_name(text) == IndexName(kind, options)
    assert is_name(text)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("hnsw", {}),
        ("hnsw:", {}),
        (" ivf : lists = 64 , probes=8", {"lists": 64, "probes": 8}),
        ("ivf:lists=64:probes=8", {"lists": 64, "probes": 8}),
        ("pq:whiten", {"whiten": True}),
        ("pq:pca=32,whiten=false", {"pca": 32, "whiten": False}),
    ],
)
def test_spellings(text, options):
    assert read_index_name(text).options == options


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("hsnw", "there are flat, ivf, ivfpq, pq, hnsw, hnswpq, lsh, annoy, auto"),
        ("", "there is no search index ''"),
        ("HNSW", "there is no search index 'HNSW'"),
        ("flat:lists=3", "it takes none"),
        ("ivf:m=3", "'ivf' takes no option 'm': it takes lists, probes, pca"),
        ("annoy:pca=3", "it takes trees, search, proposals"),
        ("ivf:lists", "lists= does not fit, write a whole number from 1"),
        ("ivf:lists=0", "lists=0 does not fit"),
        ("ivf:lists=1.5", "lists=1.5 does not fit"),
        ("ivf:lists=many", "lists=many does not fit"),
        ("pq:bits=5", "bits=5 does not fit, write one of 4, 8"),
        ("pq:whiten=maybe", "write true or false"),
        ("ivf:lists=1,lists=2", "gives 'lists' twice"),
    ],
)
def test_what_cannot_be_read(text, part):
    with pytest.raises(InvalidInputError) as refusal:
        read_index_name(text)
    assert part in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["Flat", "HNSW32", "IVF256,PQ32", "OPQ16,IVF64_HNSW32,PQ16", ""])
def test_factory_strings_are_no_names(text):
    assert not is_name(text)


def test_exact_search_has_a_name_and_a_factory_string():
    assert [text for text in ("Flat", "flat", "FLAT", "auto", "HNSW32,Flat", "flat:m=3") if is_exact(text)] == [
        "Flat",
        "flat",
    ]


@pytest.mark.parametrize("text", ["flat:", " flat", "flat ", "flat : ,"])
def test_exact_search_is_exact_however_it_is_spaced(text):
    assert is_exact(text)
    assert read_index_name(text) == IndexName("flat", {})


def test_a_name_is_one_behind_spaces_too():
    assert is_name(" ivf:lists=16")
