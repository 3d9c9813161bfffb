import numpy as np
import pytest
from scipy.stats import norm

from util.errors import InvalidInputError
from util.evaluation.open_set import roc_curve
from util.plots.curves import plot_det, plot_recall, plot_roc


@pytest.fixture
def roc():
    random = np.random.default_rng(0)
    return roc_curve(random.normal(1, 1, 300), random.normal(0, 1, 200))


def test_roc_draws_the_curve_and_marks_what_it_says(roc):
    figure = plot_roc(roc, area=0.76, marked=[0.1], operating_point=(0.2, 0.6))
    axes = figure.axes[0]
    chance, curve, mark, threshold = axes.lines
    assert curve.get_xdata().tolist() == roc.far.tolist() and curve.get_ydata().tolist() == roc.tar.tolist()
    assert chance.get_xdata().tolist() == chance.get_ydata().tolist() == [0, 1]
    highest = max(tar for far, tar in zip(roc.far, roc.tar, strict=True) if far <= 0.1)
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.1, highest)
    assert (threshold.get_xdata()[0], threshold.get_ydata()[0]) == (0.2, 0.6)
    legend = axes.get_legend()
    assert legend.get_title().get_text() == "AUROC 0.760"
    assert [text.get_text() for text in legend.get_texts()] == [f"TAR {highest:.1%} at FAR 10%", "threshold in use"]


def test_det_is_on_normal_deviates(roc):
    curve = plot_det(roc).axes[0].lines[0]
    inside = [(f, 1 - t) for f, t in zip(roc.far, roc.tar, strict=True) if 0 < f < 1 and 0 < 1 - t < 1]
    assert curve.get_xdata() == pytest.approx(norm.ppf([far for far, _ in inside]))
    assert curve.get_ydata() == pytest.approx(norm.ppf([missed for _, missed in inside]))


def test_det_of_separate_scores_says_so():
    axes = plot_det(roc_curve([0.9], [0.1])).axes[0]
    assert axes.texts[0].get_text() == "the two kinds do not overlap"


def test_recall_draws_one_line_a_system():
    axes = plot_recall({"a": [0.5, 0.7], "b": [0.4, 0.4, 1.0]}).axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.5, 0.7], [0.4, 0.4, 1.0]]
    assert axes.lines[1].get_xdata().tolist() == [1, 2, 3]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize("curves", [{}, {"a": []}])
def test_recall_refuses_nothing(curves):
    with pytest.raises(InvalidInputError, match="at least one curve"):
        plot_recall(curves)
