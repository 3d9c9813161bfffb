import numpy as np
import pandas as pd
import pytest
from lightning.pytorch.loggers import CSVLogger

from util.errors import InvalidInputError
from util.plots.training_curves import training_curves

TABLE = pd.DataFrame(
    {
        "epoch": [1, 2, 3, 4],
        "step": [10, 20, 30, 40],
        "train_loss": [4.0, 3.0, 2.5, 2.4],
        "learning_rate": [0.1, 0.2, 0.1, 0.0],
        "val_recall@1": [np.nan, 0.5, np.nan, 0.5],
    }
)


def drawn(axes):
    """What each line with more than one point holds."""
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_linestyle() != ":"]
    return [list(zip(*map(list, line.get_data()), strict=True)) for line in lines]


def marks(axes):
    return [tuple(map(float, np.ravel(line.get_data()))) for line in axes.lines if line.get_marker() == "D"]


def legend(axes):
    return [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def test_one_run_has_its_loss_recall_and_learning_rate():
    figure = training_curves(TABLE, title="A $run$")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "validation recall@1", "learning rate"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    assert drawn(panel(figure, "loss")) == [[(1, 4.0), (2, 3.0), (3, 2.5), (4, 2.4)]]
    assert drawn(panel(figure, "validation recall@1")) == [[(2, 0.5), (4, 0.5)]]
    assert drawn(panel(figure, "learning rate")) == [[(1, 0.1), (2, 0.2), (3, 0.1), (4, 0.0)]]
    figure.canvas.draw()


def test_verification_has_a_panel_with_its_value_at_the_epoch_of_the_best_recall():
    figure = training_curves(TABLE.assign(val_auroc=[np.nan, 0.6, np.nan, 0.9]))
    axes = panel(figure, "validation AUROC")
    assert drawn(axes) == [[(2, 0.6), (4, 0.9)]]
    assert marks(axes) == [(2, 0.6)]
    assert marks(panel(figure, "validation recall@1")) == [(2, 0.5)]


def test_the_first_of_the_best_epochs_is_marked():
    figure = training_curves(TABLE)
    assert marks(panel(figure, "validation recall@1")) == [(2, 0.5)]
    assert legend(panel(figure, "validation recall@1")) == ["best: 50.0% at epoch 2"]
    lines = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in lines] == [[2, 2]] * 3


def test_several_runs_are_overlaid_in_colours_of_their_own():
    better = TABLE.assign(**{"val_recall@1": [0.2, 0.6, 0.8, 0.7]})
    figure = training_curves({"nine channels": better, "_three": TABLE})
    assert legend(panel(figure, "validation recall@1")) == [
        "nine channels: 80.0% at epoch 3",
        " _three: 50.0% at epoch 2",
    ]
    assert legend(panel(figure, "loss")) == ["nine channels", " _three"]
    assert marks(panel(figure, "validation recall@1")) == [(3, 0.8), (2, 0.5)]
    colours = [line.get_color() for line in panel(figure, "loss").lines]
    assert len(colours) == len(set(colours)) == 2


def test_the_loss_of_validation_is_dashed():
    figure = training_curves(TABLE.assign(val_loss=[5.0, 4, 3, 3]))
    lines = panel(figure, "loss").lines
    assert [line.get_linestyle() for line in lines[:2]] == ["-", "--"]
    assert legend(panel(figure, "loss")) == ["train loss", "val loss"]


def test_what_was_not_logged_is_left_out():
    figure = training_curves(TABLE[["epoch", "train_loss"]])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss"]
    assert legend(figure.axes[0]) == ["train loss"] and not marks(figure.axes[0])


def test_the_file_that_lightning_writes_is_read(tmp_path):
    logger = CSVLogger(tmp_path, name="run", version=0)
    for step in range(6):
        logger.log_metrics({"train_loss_step": 3.0 - step / 2, "epoch": step // 3}, step=step)
        logger.log_metrics({"lr-AdamW": 0.1 / (step + 1)}, step=step)
        if step % 3 == 2:
            logger.log_metrics({"val_recall@1": 0.3 + step / 10, "epoch": step // 3}, step=step)
    logger.save()
    figure = training_curves(tmp_path / "run" / "version_0" / "metrics.csv")
    assert {axes.get_xlabel() for axes in figure.axes} == {"step"}
    assert drawn(panel(figure, "loss")) == [[(step, 3.0 - step / 2) for step in range(6)]]
    assert drawn(panel(figure, "learning rate"))[0] == [(step, pytest.approx(0.1 / (step + 1))) for step in range(6)]
    assert marks(panel(figure, "validation recall@1")) == [(5, pytest.approx(0.8))]


def test_rates_logged_by_step_are_drawn_over_epochs_where_the_loss_is():
    rates = pd.DataFrame({"step": [5, 10, 15, 20], "lr-SGD": [0.4, 0.3, 0.2, 0.1]})
    figure = training_curves(pd.concat([TABLE.drop(columns="learning_rate"), rates], ignore_index=True))
    assert drawn(panel(figure, "learning rate")) == [[(1, 0.4), (1, 0.3), (1.5, 0.2), (2, 0.1)]]


def test_a_path_may_be_text_and_stand_beside_tables(tmp_path):
    TABLE.to_csv(tmp_path / "metrics.csv")
    figure = training_curves({"file": str(tmp_path / "metrics.csv"), "table": TABLE})
    first, second = drawn(panel(figure, "loss"))
    assert first == second


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no table of metrics"),
        (b"\xff\xfe\x00", "is no table of metrics"),
        (b"a,b\n1,2,3\n1,2,3,4\n", "is no table of metrics"),
        (b"time,train_loss\n1,2\n", "has no column epoch or step"),
        (b"epoch,step\n1,2\n", "at least one run with a loss"),
        (b"epoch,train_loss\n1,\n", "at least one run with a loss"),
    ],
)
def test_files_that_hold_no_curves_are_refused(tmp_path, content, message):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        training_curves(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [("nowhere/metrics.csv", "nowhere/metrics.csv is no table"), ({}, "at least one run")],
)
def test_what_is_not_there_is_refused(metrics, message):
    with pytest.raises(InvalidInputError, match=message):
        training_curves(metrics)
