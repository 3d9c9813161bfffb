"""How training went: loss, validation recall@1 and AUROC, learning rate, run by run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from util.errors import InvalidInputError
from util.plots.style import GRID, INK, SMALL_SIZE, new_figure, quiet

if TYPE_CHECKING:
    import pandas as pd

    Metrics: TypeAlias = pd.DataFrame | str | Path

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# The first of these columns that is there; Lightning appends _epoch where it logs steps as well.
_TRAIN_LOSS = ("train_loss", "train_loss_epoch", "train_loss_step")
_VAL_LOSS = ("val_loss", "val_loss_epoch")
_RECALL = ("val_recall@1", "val_recall@1_epoch")
_AUROC = ("val_auroc", "val_auroc_epoch")
_RATE = ("learning_rate", "lr")
_MONITORED_RATE = "lr-"  # LearningRateMonitor's columns: lr-AdamW, lr-SGD …


def training_curves(metrics: Metrics | Mapping[str, Metrics], *, title: str = "Training") -> Figure:
    """Loss (validation's dashed), validation recall@1 and AUROC with the best epoch marked, and learning rate.

    Only what was logged is drawn. A table has a row for each time something was logged: ``epoch`` or ``step``, and any
    of ``train_loss``, ``val_loss``, ``val_recall@1``, ``val_auroc`` and ``learning_rate``; cells may be empty, as in
    the ``metrics.csv`` of Lightning's CSVLogger. A loss logged several times an epoch is drawn over steps.

    Args:
        metrics: one run, or several by name: a table each, or the path of its CSV file.
        title: of the figure.

    Raises:
        InvalidInputError: if a file is no such table, or there is nothing to draw in it.
    """
    named = metrics if isinstance(metrics, Mapping) else {"": metrics}
    runs = [_read(name, table) for name, table in named.items()]
    panels = [panel for panel in _PANELS if any(_found(run.table, panel.columns) for run in runs)]
    if not panels:
        raise InvalidInputError("training curves need at least one run with a loss, a val_recall@1 or a learning rate")
    axis = "step" if any(run.by_step for run in runs) else "epoch"
    figure = new_figure(4.3 * len(panels), 3.7)
    figure.suptitle(title, color=INK, x=0.01, ha="left", parse_math=False)
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        quiet(axes, title=panel.title, xlabel=axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, run in enumerate(runs):
            _draw(axes, run, panel, axis=axis, colour=_COLOURS[number % len(_COLOURS)], alone=len(runs) == 1)
        if panel.is_share:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        _explain(axes, panel)
    return figure


@dataclass(frozen=True, slots=True)
class _Run:
    name: str
    table: pd.DataFrame

    @property
    def by_step(self) -> bool:
        """Whether the loss was logged more than once an epoch, or there are no epochs at all."""
        if "epoch" not in self.table:
            return True
        loss = _found(self.table, _TRAIN_LOSS)
        return bool(loss) and bool(self.table.dropna(subset=loss)["epoch"].duplicated().any()) and "step" in self.table

    @property
    def best(self) -> pd.Series | None:
        """The first row of the highest recall@1."""
        recall = _found(self.table, _RECALL)
        return self.table.iloc[int(self.table[recall].fillna(-np.inf).to_numpy().argmax())] if recall else None


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    columns: tuple[str, ...]
    dashed: tuple[str, ...] = ()
    is_share: bool = False


_PANELS = (
    _Panel("loss", _TRAIN_LOSS, _VAL_LOSS),
    _Panel("validation recall@1", _RECALL, is_share=True),
    _Panel("validation AUROC", _AUROC, is_share=True),
    _Panel("learning rate", _RATE),
)


def _read(name: str, metrics: Metrics) -> _Run:
    import pandas as pd

    if isinstance(metrics, pd.DataFrame):
        table, source = metrics, f"run {name!r}" if name else "the run"
    else:
        table, source = _read_csv(Path(metrics)), str(metrics)
    monitored = [column for column in map(str, table.columns) if column.startswith(_MONITORED_RATE)]
    table = table.rename(columns=dict.fromkeys(monitored[:1], _RATE[-1]))
    place = next((column for column in ("epoch", "step") if column in table), None)
    if place is None:
        raise InvalidInputError(f"{source} has no column epoch or step: give the metrics.csv of a run")
    return _Run(name, _with_epochs(table.reset_index(drop=True)))


def _with_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with a step alone, as LearningRateMonitor writes them, get the epoch that the steps about them have."""
    if not {"epoch", "step"} <= set(table.columns):
        return table
    known = table[["step", "epoch"]].dropna().sort_values("step")
    if known.empty:
        return table.drop(columns="epoch")
    between = np.interp(table["step"], known["step"], known["epoch"])
    return table.assign(epoch=table["epoch"].where(table["epoch"].notna(), between))


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInputError(f"{path} is no table of metrics: {reason}; give the metrics.csv of a run") from error


def _found(table: pd.DataFrame, columns: Iterable[str]) -> str:
    """The first of these columns with a number in it, or none."""
    return next((column for column in columns if column in table and table[column].notna().any()), "")


def _draw(axes: Axes, run: _Run, panel: _Panel, *, axis: str, colour: str, alone: bool) -> None:
    for columns, line in ((panel.columns, "-"), (panel.dashed, "--")):
        column = _found(run.table, columns)
        if not column or axis not in run.table:
            continue
        rows = run.table.dropna(subset=[axis, column])
        label = _label(run, column, alone=alone) if line == "-" or alone else "_"
        few = len(rows) <= 12
        axes.plot(
            *(rows[axis], rows[column]),
            color=colour,
            linestyle=line,
            linewidth=1.8,
            marker="o" if few else "",
            markersize=3.5,
            label=label,
        )
    best = run.best
    if best is None or axis not in best:
        return
    if alone:
        axes.axvline(best[axis], color=GRID, linewidth=1.2, linestyle=":", zorder=0)
    marked = _found(run.table, panel.columns)
    if panel.is_share and marked:
        axes.plot(best[axis], best[marked], "D", markersize=6, color=colour, clip_on=False)


def _label(run: _Run, column: str, *, alone: bool) -> str:
    best = run.best
    if column not in _RECALL or best is None:
        return _plain(run.name or column.removesuffix("_epoch").removesuffix("_step").replace("_", " "))
    where = f"epoch {best['epoch']:.0f}" if "epoch" in best else f"step {best['step']:.0f}"
    found = f"{best[column]:.1%} at {where}"
    return _plain(f"{run.name}: {found}" if run.name else f"best: {found}")


def _plain(name: str) -> str:
    """Matplotlib leaves labels that begin with an underscore out of legends."""
    return f" {name}" if name.startswith("_") else name


def _explain(axes: Axes, panel: _Panel) -> None:
    """A legend, where it says more than the title."""
    if axes.get_legend_handles_labels()[1] == [panel.title]:
        return
    legend = axes.legend(
        loc="lower right" if panel.is_share else "best", frameon=False, fontsize=SMALL_SIZE, labelcolor=INK
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
