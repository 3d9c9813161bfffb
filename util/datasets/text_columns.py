"""Named columns of a CSV file as texts, for lists that are no lists of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from util.errors import DatasetError


def read_text_columns(path: Path, names: Sequence[str], *, optional: Sequence[str] = ()) -> dict[str, list[str]]:
    """Columns of a CSV file; cells may be of any length.

    Args:
        path: the file, UTF-8, with a header; or without one if it has exactly the columns wanted, or the first of them.
        names: columns that must be there; the first is never empty.
        optional: columns that may be there.

    Returns:
        the cells of each column there is, stripped, of equal length.

    Raises:
        DatasetError: if the file cannot be read, or lacks a column or a cell of the first.
    """
    header = _first_cells(path)
    wanted = [*names, *optional]
    headless = not set(names) <= set(header) and len(header) == len(names) and not set(header) & set(wanted)
    columns = _table(path, list(names) if headless else header, headless=headless)
    missing = [name for name in names if name not in columns]
    if missing:
        raise DatasetError(f"{path}: has no column {missing[0]!r}; there are {', '.join(header) or 'none'}")
    if "" in columns[names[0]]:
        line = columns[names[0]].index("") + (1 if headless else 2)
        raise DatasetError(f"{path}, line {line}: the column {names[0]!r} is empty")
    return {name: columns[name] for name in wanted if name in columns}


def parse_scores(cells: Sequence[str], path: Path) -> list[float]:
    """Scores of answers.

    Raises:
        DatasetError: if a cell is no finite number.
    """
    import numpy as np

    try:
        scores = np.array(cells, dtype=np.str_).astype(np.float64)
    except ValueError as error:
        raise DatasetError(f"{path}: a score is no number ({error})") from error
    if not np.all(np.isfinite(scores)):
        raise DatasetError(f"{path}: a score is not a finite number")
    return scores.tolist()  # type: ignore[no-any-return]


def _first_cells(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            line = stream.readline()
            return [cell.strip().strip('"') for cell in line.split(",")] if line.strip() else []
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text ({error.reason}): save it as UTF-8") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def _table(path: Path, header: list[str], *, headless: bool) -> dict[str, list[str]]:
    import pandas as pd  # cells of Google Landmarks hold thousands of ids, more than Python's csv takes

    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True,
            header=None if headless else 0, names=header if headless else None,
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError) as error:
        raise DatasetError(f"{path}: is not a CSV file ({' '.join(str(error).split())})") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus cells for names of the rows
        raise DatasetError(f"{path}: is not a CSV file (its rows have more cells than its header)")
    return {str(name).strip(): [str(cell).strip() for cell in frame[name].tolist()] for name in frame.columns}
