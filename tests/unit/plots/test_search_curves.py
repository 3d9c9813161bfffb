import hypothesis.strategies as st
import pytest
from hypothesis import given

from util.errors import InvalidInputError
from util.plots.search_curves import pareto_front, plot_recall_and_speed

POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1e6)), min_size=1, max_size=30)


@given(POINTS)
def test_a_front_holds_what_nothing_beats(points):
    unbeaten = {
        one for one in points if not any(other != one and other[0] >= one[0] and other[1] >= one[1] for other in points)
    }
    front = pareto_front(points)
    assert set(front) == unbeaten
    assert front == sorted(front)


def test_each_index_is_a_line_over_a_logarithmic_axis():
    figure = plot_recall_and_speed(
        {"hnsw": [(0.9, 4000.0), (0.99, 1000.0), (0.5, 10.0)], "flat $x$": [(1.0, 11.0)]}, title="T", wanted=0.95
    )
    (axes,) = figure.axes
    mark, hnsw, flat = axes.lines
    assert mark.get_xdata() == [0.95, 0.95]
    assert (list(hnsw.get_xdata()), list(hnsw.get_ydata())) == ([0.9, 0.99], [4000.0, 1000.0])
    assert list(flat.get_ydata()) == [11.0]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["hnsw", "flat $x$"]
    figure.canvas.draw()


def test_speeds_within_a_power_of_ten_can_be_read_off():
    figure = plot_recall_and_speed({"ivf": [(0.9, 700.0), (0.99, 180.0)]})
    figure.canvas.draw()
    low, high = figure.axes[0].get_ylim()
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels() if low <= tick.get_position()[1] <= high]
    assert labels == ["200", "500"]


@pytest.mark.parametrize(
    ("curves", "part"),
    [
        ({}, "at least one index"),
        ({"a": []}, "at least one point"),
        ({"a": [(0.5, 1.0)], "b": []}, "at least one point"),
        ({"a": [(1.1, 1.0)]}, "recall lies in"),
        ({"a": [(0.5, 0.0)]}, "above 0"),
        ({"a": [(0.5, float("inf"))]}, "above 0"),
    ],
)
def test_what_cannot_be_drawn(curves, part):
    with pytest.raises(InvalidInputError, match=part):
        plot_recall_and_speed(curves)
