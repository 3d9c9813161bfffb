import doctest
from pathlib import Path

import pytest

from util.evaluation.evaluate import evaluate_ranking
from util.records import ImageRecord

PAGE = Path(__file__).parents[3] / "docs" / "evaluation.md"


def test_examples_of_the_page_run():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert outcome.attempted > 10 and outcome.failed == 0


@pytest.fixture
def written(results_of):
    gallery = {"g1": "milk", "g2": "cream"}
    return evaluate_ranking(
        results_of([[0.9, 0.1]], list(gallery)), [ImageRecord("q", "q.jpg", "milk")], gallery
    ).to_json()


def test_every_number_of_the_result_is_explained(written):
    """A field that is added without a definition fails here."""
    page = PAGE.read_text(encoding="utf-8")
    parts = [written[part] for part in ("open_set", "ties", "excluded", "gallery")]
    named = {name for part in (written, *parts) for name in part}
    assert {name for name in named if f"`{name}" not in page and not name.endswith("_ci95")} == set()
