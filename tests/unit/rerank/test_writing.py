"""Re-rankers as text."""

import pytest

from util.errors import InvalidInputError, UnknownReRankerError
from util.rerank import available_rerankers, build_reranker
from util.rerank._cache import ArrayCache


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("aqe", "aqe:n=3"),
        (" aqe : n = 5 ", "aqe:n=5"),
        ("alpha_qe:n=5,alpha=2", "alpha_qe:n=5,alpha=2.0"),
        ("alpha_qe:n=5:alpha=2", "alpha_qe:n=5,alpha=2.0"),
        ("aqe+aqe:n=2", "aqe:n=3+aqe:n=2"),
        ("aqe,aqe:n=2", "aqe:n=3+aqe:n=2"),
        ("alpha_qe:n=5,alpha=2,aqe", "alpha_qe:n=5,alpha=2.0+aqe:n=3"),
        ("dba:query=false", "dba:n=3,last=0.01,query=False"),
    ],
)
def test_reads_names_options_and_chains(text, described):
    assert build_reranker(text).describe() == described
    assert build_reranker(described).describe() == described


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", InvalidInputError, "cannot be read"),
        ("n=5", InvalidInputError, "cannot be read"),
        ("aqe++aqe", InvalidInputError, "cannot be read"),
        ("aqe:n", InvalidInputError, "'n' is no key=value"),
        ("aqe:n=1,n=2", InvalidInputError, "stands twice"),
        ("aqe:alpha=1", InvalidInputError, "takes no option 'alpha': it takes n"),
        ("aqe:cache=1", InvalidInputError, "takes no option 'cache'"),
        ("aqe:n=many", InvalidInputError, "n=many does not fit"),
        ("aqe:n=1.5", InvalidInputError, "n=1.5 does not fit"),
        ("dba:query=perhaps", InvalidInputError, "query=perhaps does not fit"),
        ("difusion", UnknownReRankerError, "no re-ranker is called 'difusion': there are diffusion, .*qge"),
        ("base", UnknownReRankerError, "no re-ranker is called 'base'"),
        ("_walks", UnknownReRankerError, "no re-ranker is called '_walks'"),
        ("local", UnknownReRankerError, "no re-ranker is called 'local'"),
    ],
)
def test_says_what_cannot_be_read(text, error, message):
    with pytest.raises(error, match=message) as raised:
        build_reranker(text)
    assert "\n" not in str(raised.value)


def test_lists_the_files_of_the_package():
    assert {"alpha_qe", "aqe", "aqe_concat", "dba", "diffusion", "k_reciprocal", "qge", "rank_qe"} <= set(
        available_rerankers()
    )


def test_a_chain_remembers_where_it_is_told_to():
    cache = ArrayCache()
    chain = build_reranker("alpha_qe+diffusion").with_cache(cache)
    assert all(step.cache is cache for step in (chain, *chain.steps))
