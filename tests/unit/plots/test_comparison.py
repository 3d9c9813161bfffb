import math

import pytest

from util.errors import InvalidInputError
from util.plots.comparison import bar_with_intervals


def test_bars_and_intervals_are_the_numbers():
    figure = bar_with_intervals(["a", "$b"], [0.25, 0.75], [(0.2, 0.3), (0.6, 0.9)], xlabel="top-1")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    [whiskers] = axes.collections
    assert [segment[:, 0].tolist() for segment in whiskers.get_segments()] == [[0.2, 0.3], [0.6, 0.9]]
    assert [text.get_text() for text in axes.texts] == ["25.0%", "75.0%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "$b"]
    first, second = (bar.get_y() for bar in axes.patches)
    assert axes.transData.transform((0, first))[1] > axes.transData.transform((0, second))[1]  # the first on top
    figure.canvas.draw()


def test_a_system_without_a_number_has_no_bar():
    axes = bar_with_intervals(["a"], [math.nan], [(math.nan, math.nan)]).axes[0]
    assert axes.patches[0].get_width() == 0 and axes.texts[0].get_text() == "–"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "as many names"),
        ((["a"], [0.5, 0.6], [(0, 1)]), "got 1, 2 and 1"),
        ((["a"], [0.5], [(0.6, 0.7)]), "'a': the value 0.5 lies outside"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        bar_with_intervals(*arguments)
