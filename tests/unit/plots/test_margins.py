import numpy as np
import pytest

from util.errors import InvalidInputError
from util.evaluation.intervals import bootstrap_interval
from util.plots.margins import plot_margins

OWN = [[0.9, 0.8, 0.7, 0.9], [0.95, 0.9, 0.9, 0.9]]
OTHER = [[0.8, 0.9, 0.6, 0.7], [0.94, 0.91, 0.92, 0.93]]


def test_a_row_a_system_with_both_means_and_the_margin():
    figure = plot_margins(["plain", "cut $out$"], OWN, OTHER)
    scores, margins = figure.axes
    own, other = scores.lines
    assert own.get_xdata() == pytest.approx(np.mean(OWN, axis=1))
    assert other.get_xdata() == pytest.approx(np.mean(OTHER, axis=1))
    middle = margins.lines[1]
    assert middle.get_xdata() == pytest.approx(np.mean(OWN, axis=1) - np.mean(OTHER, axis=1))
    assert [text.get_text() for text in margins.texts] == ["own item first: 75%", "own item first: 25%"]
    assert [tick.get_text() for tick in scores.get_yticklabels()] == ["plain", "cut $out$"]
    figure.canvas.draw()


def test_the_interval_is_the_bootstrap_of_the_margins_by_group():
    groups = ["a", "a", "b", "b"]
    figure = plot_margins(["plain"], OWN[:1], OTHER[:1], groups=groups)
    (line,) = figure.axes[1].collections
    expected = bootstrap_interval(np.subtract(OWN[0], OTHER[0]), groups=groups)
    assert line.get_segments()[0][:, 0] == pytest.approx(expected)
    low, high = figure.axes[1].get_xlim()
    assert low < min(0, expected[0]) and high > expected[1]


def test_margins_that_are_all_nothing_can_be_drawn():
    plot_margins(["plain"], [[0.5, 0.5]], [[0.5, 0.5]]).canvas.draw()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (([], [], []), "got 0, 0 and 0"),
        ((["a"], [[0.5]], [[0.5], [0.6]]), "got 1, 1 and 2"),
        ((["a"], [[0.5, 0.6]], [[0.5]]), "a score for each query"),
        ((["a"], [[]], [[]]), "a score for each query"),
        ((["a"], [[-np.inf]], [[0.5]]), "not a finite number"),
    ],
)
def test_what_cannot_be_drawn(values, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_margins(*values)
