import pytest

from util.errors import InvalidInputError
from util.evaluation.robustness import RobustnessCurve, StrengthAccuracy
from util.plots.robustness import plot_robustness


def curve(kind, *accuracies):
    points = [
        StrengthAccuracy(number / 4, 10, accuracy, (max(0.0, accuracy - 0.1), min(1.0, accuracy + 0.1)))
        for number, accuracy in enumerate(accuracies)
    ]
    return RobustnessCurve(kind, tuple(points))


def test_lines_are_the_numbers():
    systems = {"a": [curve("blur", 1.0, 0.5), curve("light", 0.9, 0.8)], "$b": [curve("light", 0.7)]}
    figure = plot_robustness(systems)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["blur", "light"]
    [line] = panels["blur"].lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0.0, 0.25], [1.0, 0.5])
    assert [line.get_ydata().tolist() for line in panels["light"].lines] == [[0.9, 0.8], [0.7]]
    assert len(panels["light"].collections) == 2  # the bands of the intervals
    colours = [line.get_color() for line in panels["light"].lines]
    assert colours[0] == line_colour(panels["blur"]) != colours[1]  # a system keeps its colour
    names = [text.get_text() for text in panels["blur"].get_legend().get_texts()]
    assert names == ["a", "$b"]  # also those that have no line in the first panel
    figure.canvas.draw()


def line_colour(axes):
    return axes.lines[0].get_color()


def test_one_system_needs_no_legend():
    axes = plot_robustness({"a": [curve("blur", 1.0)]}).axes
    assert len(axes) == 1 and axes[0].get_legend() is None


@pytest.mark.parametrize("systems", [{}, {"a": []}, {"a": [curve("blur")]}])
def test_nothing_to_draw_is_refused(systems):
    with pytest.raises(InvalidInputError, match="at least one curve"):
        plot_robustness(systems)
