import pytest

from util.evaluation.histogram import ScoreHistogram
from util.plots.histograms import plot_scores


@pytest.fixture
def histogram():
    return ScoreHistogram((0.0, 0.5, 1.0), same=(1, 3), different=(2, 0))


def stairs(axes):
    return {patch.get_label(): patch.get_data().values.tolist() for patch in axes.patches if hasattr(patch, "get_data")}


def test_shows_shares_of_each_kind(histogram):
    found = stairs(plot_scores(histogram, same="own", different="others").axes[0])
    assert found["own (4)"] == [0.25, 0.75]
    assert found["others (2)"] == [1.0, 0.0]


def test_shows_threshold_and_band(histogram):
    figure = plot_scores(histogram, threshold=0.8, lower=0.6)
    lines = [line.get_xdata()[0] for line in figure.axes[0].lines]
    assert lines == [0.8]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "unsure" in names and "threshold 0.800" in names


@pytest.mark.parametrize("lower", [None, 0.8])
def test_no_band_where_there_is_none(histogram, lower):
    figure = plot_scores(histogram, threshold=0.8, lower=lower)
    assert "unsure" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_nothing_counted_draws_zeros():
    found = stairs(plot_scores(ScoreHistogram((0.0, 1.0), (0,), (0,))).axes[0])
    assert set(map(tuple, found.values())) == {(0.0,)}
