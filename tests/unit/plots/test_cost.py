import numpy as np
import pytest

from util.errors import InvalidInputError
from util.plots.cost import plot_accuracy_and_cost

INTERVALS = [(0.4, 0.6), (0.7, 0.9)]


def test_each_system_has_a_numbered_point_and_is_named_beside_it():
    figure = plot_accuracy_and_cost(["small $x$", "large"], [0.5, 0.8], INTERVALS, [2.0, 90.0])
    (axes,) = figure.axes
    (points,) = axes.lines
    assert (points.get_xdata().tolist(), points.get_ydata().tolist()) == ([2.0, 90.0], [0.5, 0.8])
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1  small $x$", "2  large"]
    (lines,) = axes.collections
    assert np.allclose([segment[:, 1] for segment in lines.get_segments()], INTERVALS)
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] < 2 and axes.get_xlim()[1] > 90
    figure.canvas.draw()


def test_both_axes_say_what_they_are_told():
    (axes,) = plot_accuracy_and_cost(["a"], [0.5], INTERVALS[:1], [2.0], xlabel="bytes", ylabel="recall@10").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bytes", "recall@10")


def test_a_system_without_a_number_has_no_point():
    figure = plot_accuracy_and_cost(["a", "b"], [0.5, float("nan")], INTERVALS, [2.0, 90.0])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (([], [], [], []), "got 0, 0, 0 and 0"),
        ((["a"], [0.5], [(0.4, 0.6)], [1.0, 2.0]), "got 1, 1, 1 and 2"),
        ((["a"], [0.5], [(0.4, 0.6)], [0.0]), "above 0"),
        ((["a"], [0.5], [(0.4, 0.6)], [float("nan")]), "above 0"),
    ],
)
def test_what_cannot_be_drawn(values, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_accuracy_and_cost(*values)
