import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

from util.errors import InvalidInputError
from util.evaluation.confusion import confusion_matrix
from util.evaluation.outcomes import Outcome
from util.plots.confusion import plot_confusion
from util.plots.style import MUTED, SAME, WRONG


def known(true, item, times=1):
    return [Outcome(f"{true}{item}{i}", true, "known", item) for i in range(times)]


def cells(figure):
    """What is drawn, read back from the figure: (row label, column label) to colour and strength."""
    axes = figure.axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    squares = next(c for c in axes.collections if type(c).__name__ == "PatchCollection")
    found = {}
    for path, colour in zip(squares.get_paths(), squares.get_facecolors(), strict=True):
        x, y = path.vertices[0] + 0.5
        found[rows[round(y)], columns[round(x)]] = (tuple(colour[:3]), round(float(colour[3]), 6))
    return found


def tone(colour):
    return to_rgba(colour)[:3]


def test_every_cell_by_colour_and_share():
    outcomes = [
        *known("a", "a", 3),
        *known("a", "b"),
        Outcome("u", "b", "unsure", "a"),
        Outcome("n", None, "new", None),
        Outcome("x", None, "known", "a"),
    ]
    found = cells(plot_confusion(confusion_matrix(outcomes)))
    assert found == {
        ("a", "a"): (tone(SAME), 0.25 + 0.75 * 0.75),
        ("a", "b"): (tone(WRONG), 0.25 + 0.75 * 0.25),
        ("b", "unsure"): (tone(MUTED), 1.0),
        ("new", "new"): (tone(SAME), 0.625),
        ("new", "a"): (tone(WRONG), 0.625),
    }


def test_new_and_unsure_appear_only_where_counted():
    axes = plot_confusion(confusion_matrix(known("a", "b"))).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_counts_are_written_into_few_cells_only():
    few = plot_confusion(confusion_matrix([*known("a", "a", 7), *known("a", "b", 2)])).axes[0]
    assert sorted(text.get_text() for text in few.texts) == ["2", "7"]
    many = plot_confusion(confusion_matrix([one for i in range(40) for one in known(f"i{i}", f"i{i}")])).axes[0]
    assert not many.texts


def test_of_many_items_the_confused_ones_are_shown():
    outcomes = [one for i in range(120) for one in known(f"item{i:03}", f"item{i:03}", 3)]
    outcomes += [*known("item007", "item042", 5), *known("item099", "item007", 2), *known("item001", "item002", 1)]
    figure = plot_confusion(confusion_matrix(outcomes), max_items=3)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["item007", "item042", "item099"]
    assert "3 of 120" in figure.axes[0].get_title(loc="left")
    drawn = cells(figure)
    assert drawn["item007", "item042"][1] == pytest.approx(0.25 + 0.75 * 5 / 8)


def test_of_many_items_without_a_confusion_the_first_are_shown():
    outcomes = [one for i in range(9) for one in known(f"i{i}", f"i{i}")]
    axes = plot_confusion(confusion_matrix(outcomes), max_items=2).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["i0", "i1"]


def test_no_outcomes_make_an_empty_map():
    figure = plot_confusion(confusion_matrix([]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["nothing to compare"]


def test_names_with_mathematics_in_them_are_taken_literally(tmp_path):
    figure = plot_confusion(confusion_matrix(known("$\\frac{", "a_b$c$d")))
    figure.savefig(tmp_path / "map.png")
    assert np.asarray(Image.open(tmp_path / "map.png")).std() > 0


def test_refuses():
    with pytest.raises(InvalidInputError, match="at least 1 item"):
        plot_confusion(confusion_matrix([]), max_items=0)
