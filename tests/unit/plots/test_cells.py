import numpy as np
import pytest

from util.errors import InvalidInputError
from util.plots.cells import plot_cells

# Two cells that meet at x = 0; the query lies close to the border, on the left.
POINTS = np.array([[-3.0, 0], [-1, 0], [-0.5, 1], [0.4, 0], [0.6, 1], [3, 0]])
CENTRES = np.array([[-2.0, 0], [2, 0]])
QUERY = np.array([-0.1, 0])


def drawn(figure):
    return {
        shown.get_label(): np.asarray(shown.get_offsets()).tolist()
        for shown in figure.axes[0].collections
        if not shown.get_label().startswith("_")
    }


def test_neighbours_behind_the_border_are_missed():
    figure = plot_cells(POINTS, CENTRES, QUERY, probed=1, k=3, title="one cell")
    shown = drawn(figure)
    nearest = np.argsort(np.hypot(*(POINTS - QUERY).T))[:3]
    expected = [POINTS[row].tolist() for row in nearest]
    assert shown["found"] == [point for point in expected if point[0] < 0]
    assert shown["missed"] == [point for point in expected if point[0] > 0]
    assert shown["query"] == [QUERY.tolist()]
    assert figure.axes[0].get_title(loc="left") == "one cell: 2 of the 3 nearest found"
    figure.canvas.draw()


def test_with_all_cells_nothing_is_missed():
    figure = plot_cells(POINTS, CENTRES, QUERY, probed=2, k=3)
    assert "missed" not in drawn(figure) and len(drawn(figure)["found"]) == 3
    assert figure.axes[0].get_title(loc="left") == "3 of the 3 nearest found"


def test_the_shaded_places_are_those_of_the_cell():
    figure = plot_cells(POINTS, CENTRES, QUERY, probed=1, k=1)
    (shaded,) = figure.axes[0].images
    left, right, *_ = shaded.get_extent()
    places = np.linspace(left, right, shaded.get_array().shape[1])
    assert (shaded.get_array()[0].astype(bool) == (places < 0)).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": np.zeros((3, 3))}, r"not of shapes \(3, 3\)"),
        ({"query": np.zeros(3)}, "a query"),
        ({"probed": 3}, "nor 3 cells"),
        ({"probed": 0}, "nor 0 cells"),
        ({"k": 7}, "the 7 nearest"),
    ],
)
def test_what_cannot_be_drawn(changed, message):
    given = {"points": POINTS, "centres": CENTRES, "query": QUERY, "probed": 1, "k": 3} | changed
    with pytest.raises(InvalidInputError, match=message):
        plot_cells(given.pop("points"), given.pop("centres"), given.pop("query"), **given)
