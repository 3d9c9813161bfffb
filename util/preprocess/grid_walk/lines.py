"""The lines between tiles: nested dissection, one dense front for each merge of two domains.

A *domain* is a box of tiles; the line in its middle splits it into two halves, down to single tiles. Its *border* is
the pixels just outside it, as far as the image reaches: north, south (from left to right), west, east (from top to
bottom). Its *front* is a matrix (n, n + 2): n pixels, first those of the line, then those of the border; its columns
are the same pixels, then stop and pay. Row i holds the rates at which walkers at pixel i come to pixel j by way of
pixels already eliminated. The diagonal (coming back to where one was) changes nothing and is never read.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from util.preprocess.grid_walk.kernels import (
    OPTIONS,
    add,
    add_eight,
    add_multiple,
    copy,
    copy_relevant,
    dot,
    drop_negligible,
    normalise,
)
from util.preprocess.grid_walk.tiles import PITCH, SIDE

PANEL = 8  # rows of a front that are eliminated together: as many as ``add_eight`` adds
ALIGNED = 16  # numbers in a cache line: rows of a front begin at one, and their inner loops leave no remainder

Whole: TypeAlias = NDArray[np.int64]
Single: TypeAlias = NDArray[np.float32]


class Domain(NamedTuple):
    """Where a domain and the line that splits it lie, in pixels of the image.

    Attributes:
        top: first row inside.
        bottom: first row below.
        left: first column inside.
        right: first column beyond.
        north: pixels of the border above, 0 where the image ends.
        south: pixels of the border below.
        west: pixels of the border on the left.
        east: pixels of the border on the right.
        vertical: whether the line is a column.
        line: row or column of the line.
        length: pixels of the line.
    """

    top: int
    bottom: int
    left: int
    right: int
    north: int
    south: int
    west: int
    east: int
    vertical: bool
    line: int
    length: int


@njit(**OPTIONS)
def dissect(rows: int, columns: int) -> tuple[Whole, Whole]:
    """Halves the grid of tiles again and again, across its longer side.

    Returns:
        domains: (D, 4), each a box of tiles: first and end row, first and end column; halves before their whole.
        halves: (D, 2), the numbers of each domain's halves; a single tile t is written -1 - t.
    """
    count = rows * columns - 1
    domains, halves = np.empty((count, 4), np.int64), np.empty((count, 2), np.int64)
    waiting = np.empty((2 * (rows + columns), 6), np.int64)
    # Each entry is a box, the number of its whole, and which half of it it is. Taken from the end, the second half of
    # everything comes before the first; numbered backwards, every half comes before its whole.
    waiting[0] = (0, rows, 0, columns, -1, 0)
    pending, unnumbered = 1, count
    while pending:
        pending -= 1
        row, row_end, column, column_end, whole, which = waiting[pending]
        number = -1 - (row * columns + column)
        if (row_end - row) * (column_end - column) > 1:
            unnumbered -= 1
            number = unnumbered
            domains[number] = (row, row_end, column, column_end)
            if column_end - column >= row_end - row:
                middle = (column + column_end) // 2
                waiting[pending] = (row, row_end, column, middle, number, 0)
                waiting[pending + 1] = (row, row_end, middle, column_end, number, 1)
            else:
                middle = (row + row_end) // 2
                waiting[pending] = (row, middle, column, column_end, number, 0)
                waiting[pending + 1] = (middle, row_end, column, column_end, number, 1)
            pending += 2
        if whole >= 0:
            halves[whole, which] = number
    return domains, halves


@njit(**OPTIONS)
def _locate(row: int, row_end: int, column: int, column_end: int, height: int, width: int) -> Domain:
    """The domain of a box of tiles."""
    top, bottom = PITCH * row, min(PITCH * row_end - 1, height)
    left, right = PITCH * column, min(PITCH * column_end - 1, width)
    north = right - left if row > 0 else 0
    south = right - left if PITCH * row_end - 1 < height else 0
    west = bottom - top if column > 0 else 0
    east = bottom - top if PITCH * column_end - 1 < width else 0
    vertical = column_end - column >= row_end - row
    line = PITCH * ((column + column_end if vertical else row + row_end) // 2) - 1
    length = bottom - top if vertical else right - left
    return Domain(top, bottom, left, right, north, south, west, east, vertical, line, length)


@njit(**OPTIONS)
def _locate_half(domains: Whole, half: int, height: int, width: int) -> Domain:
    """The domain of a number in ``halves``."""
    if half >= 0:
        row, row_end, column, column_end = domains[half]
        return _locate(row, row_end, column, column_end, height, width)
    columns = width // PITCH + 1
    row, column = (-1 - half) // columns, (-1 - half) % columns
    return _locate(row, row + 1, column, column + 1, height, width)


@njit(**OPTIONS)
def _border(domain: Domain) -> int:
    """Pixels of the border."""
    return domain.north + domain.south + domain.west + domain.east


@njit(**OPTIONS)
def _stride(size: int) -> int:
    """Numbers in a row of a front: its pixels, stop, pay, and zeros up to a whole number of cache lines."""
    return (size + 2 + ALIGNED - 1) // ALIGNED * ALIGNED


@njit(**OPTIONS)
def measure(domains: Whole, halves: Whole, height: int, width: int) -> tuple[Whole, int, int]:
    """How much room the elimination needs.

    Returns:
        starts: (D + 1,), where each line's factors begin.
        deepest: numbers on the stack of borders that wait for their other half.
        largest: numbers in the largest front.
    """
    starts = np.zeros(domains.shape[0] + 1, np.int64)
    waiting = np.zeros(domains.shape[0], np.int64)
    level = deepest = largest = 0
    for number in range(domains.shape[0]):
        domain = _locate_half(domains, number, height, width)
        border = _border(domain)
        size = domain.length + border
        starts[number + 1] = starts[number] + domain.length * _stride(size)
        largest = max(largest, size * _stride(size) + PANEL)
        waiting[number] = border * (border + 2)
        for half in halves[number]:
            if half >= 0:
                level -= waiting[half]
        level += waiting[number]
        deepest = max(deepest, level)
    return starts, deepest, largest


@njit(**OPTIONS)
def eliminate_lines(
    planes: Single,
    height: int,
    width: int,
    domains: Whole,
    halves: Whole,
    starts: Whole,
    factors: Single,
    room: tuple[Single, Single],
    rims: Single,
) -> None:
    """Merges the tiles two by two until one domain is left, eliminating the line between the halves each time.

    Args:
        planes: (3, H', W'), the framed planes: across, down, source.
        height: H.
        width: W.
        domains: see ``dissect``.
        halves: likewise.
        starts: see ``measure``.
        factors: takes what ``fill_lines`` needs.
        room: for the borders that wait, and for a front.
        rims: see ``tiles.eliminate_tiles``.
    """
    stack, workspace = room
    runs = np.empty((4, 3), np.int64)
    level = 0
    for number in range(domains.shape[0]):
        domain = _locate_half(domains, number, height, width)
        border = _border(domain)
        size = domain.length + border
        stride = _stride(size)
        # The first panel takes what does not divide by eight; all later ones then begin and end at aligned places.
        shift = -domain.length % PANEL
        front = workspace[shift : shift + size * stride].reshape(size, stride)
        front[:] = 0
        for which in (1, 0):  # the second half was finished last: it lies on top of the stack
            half = halves[number, which]
            part = _locate_half(domains, half, height, width)
            _match(domain, part, which, half < 0, runs)
            if half < 0:
                _add_half(front, rims[-1 - half], runs)
            else:
                rim = _border(part)
                level -= rim * (rim + 2)
                _add_half(front, stack[level : level + rim * (rim + 2)].reshape(rim, rim + 2), runs)
        _add_line(front, domain, planes)
        _eliminate(front, domain.length)
        copy(factors[starts[number] : starts[number + 1]], front[: domain.length].reshape(domain.length * stride))
        for row in range(domain.length, size):
            copy(stack[level : level + border + 2], front[row, domain.length : size + 2])
            level += border + 2


@njit(**OPTIONS)
def _match(domain: Domain, half: Domain, which: int, is_tile: bool, runs: Whole) -> None:
    """Where a half's border lies in the front of its whole: (4, 3), place in the half, place in the front, length.

    The side that the halves share is the line, at the front's beginning; the others are stretches of its border.
    """
    north, south = domain.length, domain.length + domain.north
    west, east = south + domain.south, south + domain.south + domain.west
    if domain.vertical:
        shift = half.left - domain.left
        north, south = north + shift, south + shift
        west, east = (west, 0) if which == 0 else (0, east)
    else:
        shift = half.top - domain.top
        west, east = west + shift, east + shift
        north, south = (north, 0) if which == 0 else (0, south)
    # The rim of a tile has room for all its sides, whether or not the image reaches as far.
    runs[0] = (0, north, half.north)
    runs[1] = (SIDE if is_tile else half.north, south, half.south)
    runs[2] = (2 * SIDE if is_tile else half.north + half.south, west, half.west)
    runs[3] = (3 * SIDE if is_tile else half.north + half.south + half.west, east, half.east)


@njit(**OPTIONS)
def _add_half(front: Single, rim: Single, runs: Whole) -> None:
    """Adds a half's rates, stops and pay to the front of its whole."""
    size, border = front.shape[0], rim.shape[0]
    for side in range(4):
        for n in range(runs[side, 2]):
            row, given = front[runs[side, 1] + n], rim[runs[side, 0] + n]
            for other in range(4):
                length = runs[other, 2]
                add(row[runs[other, 1] : runs[other, 1] + length], given[runs[other, 0] : runs[other, 0] + length])
            row[size] += given[border]
            row[size + 1] += given[border + 1]


@njit(**OPTIONS)
def _add_line(front: Single, domain: Domain, planes: Single) -> None:
    """Adds the line's own pixels: their stops, their pay, the rates along the line and over its two ends."""
    size, length = front.shape[0], domain.length
    if length == 0:
        return
    west = length + domain.north + domain.south
    if domain.vertical:
        y, x, dy, dx, rate = domain.top + 1, domain.line + 1, 1, 0, planes[1]
        before = length + domain.line - domain.left if domain.north else -1
        after = length + domain.north + domain.line - domain.left if domain.south else -1
    else:
        y, x, dy, dx, rate = domain.line + 1, domain.left + 1, 0, 1, planes[0]
        before = west + domain.line - domain.top if domain.west else -1
        after = west + domain.west + domain.line - domain.top if domain.east else -1
    if before >= 0:
        front[0, before] += rate[y - dy, x - dx]
        front[before, 0] += rate[y, x]
    for here in range(length):
        front[here, size] += 1
        front[here, size + 1] += planes[2, y, x]
        ahead = here + 1 if here + 1 < length else after
        if ahead >= 0:
            front[here, ahead] += rate[y + dy, x + dx]
            front[ahead, here] += rate[y, x]
        y, x = y + dy, x + dx


@njit(**OPTIONS)
def _eliminate(front: Single, length: int) -> None:
    """Eliminates the first pixels of a front, eight at a time so that the rest is passed over less often.

    Their rows end as shares: where walkers from there come out behind the eight, and what they have been paid.
    """
    size, stride = front.shape
    inflow = np.zeros(PANEL, np.float32)
    nothing = np.zeros(stride, np.float32)  # stands for the rows that are missing where fewer than eight are left
    start, end = 0, (length - 1) % PANEL + 1 if length else 0
    while start < length:
        _eliminate_panel(front, start, end)
        a, b = _shares(front, start, end, nothing), _shares(front, start + 1, end, nothing)
        c, d = _shares(front, start + 2, end, nothing), _shares(front, start + 3, end, nothing)
        e, f = _shares(front, start + 4, end, nothing), _shares(front, start + 5, end, nothing)
        g, h = _shares(front, start + 6, end, nothing), _shares(front, start + 7, end, nothing)
        inflow[:] = 0
        for row in range(end, size):
            copy_relevant(inflow, front[row, start:end])
            add_eight(front[row, end:], inflow, (a, b, c, d, e, f, g, h))
        start, end = end, end + PANEL


@njit(**OPTIONS)
def _shares(front: Single, row: int, end: int, nothing: Single) -> Single:
    """What an eliminated row passes on to the rows behind its panel."""
    return front[row, end:] if row < end else nothing[end:]


@njit(**OPTIONS)
def _eliminate_panel(front: Single, start: int, end: int) -> None:
    """Eliminates some rows from one another: first the earlier from the later, then the later from the earlier."""
    stop = front.shape[0]
    for one in range(start, end):
        row = front[one, one + 1 :]
        drop_negligible(front[one, one + 1 : stop + 1])
        normalise(front[one, one + 1 : stop + 2])
        drop_negligible(front[one, one + 1 : stop + 1])
        drop_negligible(front[one + 1 : end, one])
        for other in range(one + 1, end):
            add_multiple(front[other, one + 1 :], front[other, one], row)
    for one in range(end - 2, start - 1, -1):
        for other in range(one + 1, end):
            add_multiple(front[one, end:], front[one, other], front[other, end:])
        drop_negligible(front[one, end : stop + 1])


@njit(**OPTIONS)
def fill_lines(solution: Single, domains: Whole, starts: Whole, factors: Single, height: int, width: int) -> None:
    """Fills the lines into a framed solution, the last one eliminated first."""
    values = np.empty(3 * (height + width), np.float32)
    for number in range(domains.shape[0] - 1, -1, -1):
        domain = _locate_half(domains, number, height, width)
        length, size = domain.length, domain.length + _border(domain)
        _gather_border(solution, domain, values[length:size])
        shares = factors[starts[number] : starts[number + 1]].reshape(length, _stride(size))
        for one in range(length - 1, -1, -1):
            end = length - (length - 1 - one) // PANEL * PANEL  # of the panel it was eliminated in
            values[one] = shares[one, size + 1] + dot(shares[one, end:size], values[end:size])
        if domain.vertical:
            solution[domain.top + 1 : domain.bottom + 1, domain.line + 1] = values[:length]
        else:
            solution[domain.line + 1, domain.left + 1 : domain.right + 1] = values[:length]


@njit(**OPTIONS)
def _gather_border(solution: Single, domain: Domain, border: Single) -> None:
    """Copies a domain's border out of a framed solution."""
    top, bottom, left, right = domain.top + 1, domain.bottom + 1, domain.left + 1, domain.right + 1
    west = domain.north + domain.south
    if domain.north:
        border[: domain.north] = solution[top - 1, left:right]
    if domain.south:
        border[domain.north : west] = solution[bottom, left:right]
    if domain.west:
        border[west : west + domain.west] = solution[top:bottom, left - 1]
    if domain.east:
        border[west + domain.west :] = solution[top:bottom, right]
