"""The lines between tiles: nested dissection, one dense front for each merge of two domains.

A front is a matrix (n, n + 2): n pixels, first those of the line between the two halves, then the border of the merged
domain (north, south, west, east); its columns are the same pixels, then stop and pay.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from util.preprocess.grid_walk.kernels import OPTIONS, add, add_eight, add_multiple, dot, normalise
from util.preprocess.grid_walk.tiles import PITCH, SIDE

PANEL = 8

Whole: TypeAlias = NDArray[np.int64]
Single: TypeAlias = NDArray[np.float32]


@njit(**OPTIONS)
def dissect(rows: int, columns: int) -> tuple[Whole, Whole]:
    """Halves the grid of tiles again and again, across its longer side.

    Returns:
        domains: (D, 4), each a box of tiles: first and end row, first and end column; halves before their whole.
        children: (D, 2), the numbers of a domain's halves; a single tile t is written -1 - t.
    """
    count = rows * columns - 1
    domains = np.empty((count, 4), np.int64)
    children = np.empty((count, 2), np.int64)
    todo = np.empty((2 * (rows + columns) + 64, 6), np.int64)
    # Each entry is a box, the number of its whole, and which half of it it is. Taken from the end, the second half of
    # everything comes before the first; numbered backwards, every half comes before its whole.
    todo[0] = (0, rows, 0, columns, -1, 0)
    waiting, done = 1, 0
    while waiting:
        waiting -= 1
        i0, i1, j0, j1, parent, which = todo[waiting]
        me = -1 - (i0 * columns + j0)
        if (i1 - i0) * (j1 - j0) > 1:
            me = count - 1 - done
            done += 1
            domains[me] = (i0, i1, j0, j1)
            if j1 - j0 >= i1 - i0:
                middle = (j0 + j1) // 2
                todo[waiting] = (i0, i1, j0, middle, me, 0)
                todo[waiting + 1] = (i0, i1, middle, j1, me, 1)
            else:
                middle = (i0 + i1) // 2
                todo[waiting] = (i0, middle, j0, j1, me, 0)
                todo[waiting + 1] = (middle, i1, j0, j1, me, 1)
            waiting += 2
        if parent >= 0:
            children[parent, which] = me
    return domains, children


@njit(**OPTIONS)
def _sides(domain: Whole | tuple[int, int, int, int], height: int, width: int, out: Whole) -> None:
    """Writes a domain's top, bottom, left, right (in pixels), then the lengths of its N, S, W and E border."""
    i0, i1, j0, j1 = domain
    top, left = PITCH * i0, PITCH * j0
    bottom, right = min(PITCH * i1 - 1, height), min(PITCH * j1 - 1, width)
    out[0], out[1], out[2], out[3] = top, bottom, left, right
    out[4] = right - left if top > 0 else 0
    out[5] = right - left if PITCH * i1 - 1 < height else 0
    out[6] = bottom - top if left > 0 else 0
    out[7] = bottom - top if PITCH * j1 - 1 < width else 0


@njit(**OPTIONS)
def _line_length(domain: Whole, s: Whole) -> int:
    """Pixels of the line between a domain's halves."""
    if domain[3] - domain[2] >= domain[1] - domain[0]:
        return s[1] - s[0]
    return s[3] - s[2]


@njit(**OPTIONS)
def measure(domains: Whole, children: Whole, height: int, width: int) -> tuple[Whole, int, int]:
    """How much room the elimination needs.

    Returns:
        starts: (D + 1,), where each line's factors begin.
        deepest: numbers on the stack of borders that wait for their other half.
        largest: numbers in the largest front.
    """
    count = domains.shape[0]
    starts = np.zeros(count + 1, np.int64)
    rim = np.zeros(count, np.int64)
    s = np.empty(8, np.int64)
    level = deepest = largest = 0
    for f in range(count):
        _sides(domains[f], height, width, s)
        k = _line_length(domains[f], s)
        m = s[4] + s[5] + s[6] + s[7]
        rim[f] = m
        n = k + m
        starts[f + 1] = starts[f] + k * (n + 2)
        largest = max(largest, n * (n + 2))
        for child in children[f]:
            if child >= 0:
                level -= rim[child] * (rim[child] + 2)
        level += m * (m + 2)
        deepest = max(deepest, level)
    return starts, deepest, largest


@njit(**OPTIONS)
def eliminate_lines(
    planes: Single,
    height: int,
    width: int,
    domains: Whole,
    children: Whole,
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
        children: likewise.
        starts: see ``measure``.
        factors: takes what ``fill_lines`` needs.
        room: for the borders that wait, and for a front.
        rims: see ``tiles.eliminate_tiles``.
    """
    across, down = planes[0, 1 : height + 1, 1 : width + 1], planes[1, 1 : height + 1, 1 : width + 1]
    source = planes[2, 1 : height + 1, 1 : width + 1]
    stack, workspace = room
    s = np.empty(8, np.int64)
    c = np.empty(8, np.int64)
    runs = np.empty((4, 3), np.int64)
    level = 0
    tiles_across = width // PITCH + 1
    for f in range(domains.shape[0]):
        _sides(domains[f], height, width, s)
        k = _line_length(domains[f], s)
        m = s[4] + s[5] + s[6] + s[7]
        n = k + m
        front = workspace[: n * (n + 2)].reshape(n, n + 2)
        front[:] = 0
        for which in (1, 0):
            child = children[f, which]
            if child < 0:
                tile = -1 - child
                i, j = tile // tiles_across, tile % tiles_across
                _sides((i, i + 1, j, j + 1), height, width, c)
                _runs(s, c, k, domains[f], which, True, runs)
                _extend_add(front, rims[tile], runs)
            else:
                _sides(domains[child], height, width, c)
                mc = c[4] + c[5] + c[6] + c[7]
                level -= mc * (mc + 2)
                _runs(s, c, k, domains[f], which, False, runs)
                _extend_add(front, stack[level : level + mc * (mc + 2)].reshape(mc, mc + 2), runs)
        vertical = domains[f, 3] - domains[f, 2] >= domains[f, 1] - domains[f, 0]
        _load_line(front, k, s, domains[f], vertical, down if vertical else across, source)
        _eliminate(front, k)
        factors[starts[f] : starts[f + 1]] = front[:k].reshape(k * (n + 2))
        for r in range(k, n):
            stack[level : level + m + 2] = front[r, k:]
            level += m + 2


@njit(**OPTIONS)
def _runs(s: Whole, c: Whole, k: int, domain: Whole, which: int, tile: bool, runs: Whole) -> None:
    """Where a half's border lies in the front of its whole: (4, 3), place in the half, place in the front, length.

    The side that the halves share is the line, at the front's beginning; the others are stretches of its border.
    """
    vertical = domain[3] - domain[2] >= domain[1] - domain[0]
    n_at, s_at = k, k + s[4]
    w_at, e_at = s_at + s[5], s_at + s[5] + s[6]
    if vertical:
        shift = c[2] - s[2]
        n_at += shift
        s_at += shift
        if which == 0:
            e_at = 0
        else:
            w_at = 0
    else:
        shift = c[0] - s[0]
        w_at += shift
        e_at += shift
        if which == 0:
            s_at = 0
        else:
            n_at = 0
    runs[0, 1], runs[1, 1], runs[2, 1], runs[3, 1] = n_at, s_at, w_at, e_at
    at = 0
    for side in range(4):
        runs[side, 0] = side * SIDE if tile else at
        runs[side, 2] = c[4 + side]
        at += c[4 + side]


@njit(**OPTIONS)
def _extend_add(front: Single, rim: Single, runs: Whole) -> None:
    """Adds a half's rates, stops and pay to the front of its whole."""
    n, m = front.shape[0], rim.shape[0]
    for a in range(4):
        for i in range(runs[a, 2]):
            row, given = front[runs[a, 1] + i], rim[runs[a, 0] + i]
            for b in range(4):
                if runs[b, 2]:
                    add(row[runs[b, 1] : runs[b, 1] + runs[b, 2]], given[runs[b, 0] : runs[b, 0] + runs[b, 2]])
            row[n] += given[m]
            row[n + 1] += given[m + 1]


@njit(**OPTIONS)
def _load_line(front: Single, k: int, s: Whole, domain: Whole, vertical: bool, rate: Single, source: Single) -> None:
    """Adds the line's own pixels: their stops, their pay, and the rates along the line."""
    n = front.shape[0]
    if k == 0:
        return
    if vertical:
        fixed = PITCH * ((domain[2] + domain[3]) // 2) - 1
        top, left, dy, dx = s[0], fixed, 1, 0
        before = k + fixed - s[2] if s[4] else -1
        after = k + s[4] + fixed - s[2] if s[5] else -1
    else:
        fixed = PITCH * ((domain[0] + domain[1]) // 2) - 1
        top, left, dy, dx = fixed, s[2], 0, 1
        before = k + s[4] + s[5] + fixed - s[0] if s[6] else -1
        after = k + s[4] + s[5] + s[6] + fixed - s[0] if s[7] else -1
    for t in range(k):
        y, x = top + t * dy, left + t * dx
        front[t, n] += 1
        front[t, n + 1] += source[y, x]
        ahead = t + 1 if t + 1 < k else after
        if ahead >= 0:
            front[t, ahead] += rate[y + dy, x + dx]
            front[ahead, t] += rate[y, x]
    if before >= 0:
        front[0, before] += rate[top - dy, left - dx]
        front[before, 0] += rate[top, left]


@njit(**OPTIONS)
def _eliminate(front: Single, k: int) -> None:
    """Eliminates the first k pixels of a front, eight at a time so that the rest is passed over less often."""
    n = front.shape[0]
    factors = np.zeros(PANEL, np.float32)
    for start in range(0, k, PANEL):
        end = min(start + PANEL, k)
        for t in range(start, end):
            row = front[t, t + 1 :]
            normalise(row)
            for other in range(t + 1, end):
                add_multiple(front[other, t + 1 :], front[other, t], row)
        for t in range(end - 2, start - 1, -1):
            for other in range(t + 1, end):
                add_multiple(front[t, end:], front[t, other], front[other, end:])
        rows = np.zeros((PANEL, n + 2 - end), np.float32)  # rows of zeros where fewer than eight are left
        rows[: end - start] = front[start:end, end:]
        for r in range(end, n):
            factors[: end - start] = front[r, start:end]
            factors[end - start :] = 0
            add_eight(front[r, end:], factors, rows)


@njit(**OPTIONS)
def fill_lines(solution: Single, domains: Whole, starts: Whole, factors: Single, height: int, width: int) -> None:
    """Fills the lines into a framed solution, the last one eliminated first."""
    s = np.empty(8, np.int64)
    near = np.empty(2 * (height + width) + 8, np.float32)
    for f in range(domains.shape[0] - 1, -1, -1):
        domain = domains[f]
        _sides(domain, height, width, s)
        k = _line_length(domain, s)
        n = k + s[4] + s[5] + s[6] + s[7]
        rows = factors[starts[f] : starts[f + 1]].reshape(k, n + 2)
        top, bottom, left, right = s[0] + 1, s[1] + 1, s[2] + 1, s[3] + 1
        at = k
        if s[4]:
            near[at : at + s[4]] = solution[top - 1, left:right]
            at += s[4]
        if s[5]:
            near[at : at + s[5]] = solution[bottom, left:right]
            at += s[5]
        if s[6]:
            near[at : at + s[6]] = solution[top:bottom, left - 1]
            at += s[6]
        if s[7]:
            near[at : at + s[7]] = solution[top:bottom, right]
        for t in range(k - 1, -1, -1):
            end = min(t // PANEL * PANEL + PANEL, k)
            near[t] = rows[t, n + 1] + dot(rows[t, end:n], near[end:n])
        if domain[3] - domain[2] >= domain[1] - domain[0]:
            solution[top:bottom, PITCH * ((domain[2] + domain[3]) // 2)] = near[:k]
        else:
            solution[PITCH * ((domain[0] + domain[1]) // 2), left:right] = near[:k]
