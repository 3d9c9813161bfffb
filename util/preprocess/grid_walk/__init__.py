"""An exact, fast solver for the illumination equations of LIME and DUAL: a random walk on a pixel grid.

The equations have one unknown for each pixel p and couple it with its (up to four) neighbours q::

    (1 + Σ rate_q) · x_p  −  Σ rate_q · x_q  =  b_p

The rates belong to the *neighbour* and differ by direction, so the matrix is not symmetric and cannot be made so by
scaling; they span ten orders of magnitude, at which BiCGSTAB with incomplete factors and multigrid both stall. Read as
a random walk the equations are friendly, though: a walker at p stops at rate 1 and is paid b_p, or moves on to q at
rate_q, and x_p is what it is paid on average. Taking a pixel out of the picture and sending the walkers of its
neighbours straight to where they would have gone from it (a *censored* walk) is Gaussian elimination in which nothing
is ever subtracted (Grassmann, Taksar and Heyman, *Operations Research* 33, 1985). So every number keeps its relative
accuracy, float32 is enough, and no pivoting is needed.

The order of elimination is nested dissection (George, *SIAM Journal on Numerical Analysis* 10, 1973) with one dense
front a separator (Duff and Reid, *ACM Transactions on Mathematical Software* 9, 1983):

* the grid is cut into tiles of 7×7 pixels by lines one pixel wide, and the insides of all tiles are eliminated by one
  program, 64 tiles side by side in the lanes of vector instructions (``tiles``);
* the tiles are then merged two by two; each merge eliminates the line between its halves from a dense matrix whose
  rows and columns are that line and the border of the merged domain (``lines``);
* values are filled in on the way back.

n pixels cost O(n^1.5) operations and O(n log n) memory. The kernels release the GIL, so threads overlap. numba
compiles them at first use and keeps the result on disk, next to the module or where ``NUMBA_CACHE_DIR`` says.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.preprocess.grid_walk.lines import ALIGNED as _LINE
from util.preprocess.grid_walk.lines import dissect, eliminate_lines, fill_lines, measure
from util.preprocess.grid_walk.tiles import INSIDE, LANES, PITCH, RIM, eliminate_tiles, fill_tiles, tile_program

Plane: TypeAlias = NDArray[np.floating]


def solve(across: Plane, down: Plane, source: Plane) -> NDArray[np.float32]:
    """Solves the equations above.

    Args:
        across: (H, W), not negative: the rate at which walkers enter each pixel from its left and right neighbours.
        down: (H, W), not negative: likewise from above and below.
        source: (H, W): the right-hand side b.

    Returns:
        float32 (H, W): the solution x, with a relative error of about 1e-6.

    >>> solve(np.zeros((2, 2)), np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    height, width = source.shape
    rows, columns = height // PITCH + 1, width // PITCH + 1
    # A frame of zeros around the planes, up to whole tiles: nobody walks there, and no kernel looks for the edge.
    planes = np.zeros((3, rows * PITCH + 1, columns * PITCH + 1), np.float32)
    planes[:, 1 : height + 1, 1 : width + 1] = across, down, source
    program = tile_program()
    tiles, links = rows * columns, len(program[2])
    domains, halves = dissect(rows, columns)
    starts, deepest, largest = measure(domains, halves, height, width)
    rims, tile_shares, line_shares, stack, front = _room(
        (tiles, RIM, RIM + 2), (-(-tiles // LANES), links + INSIDE, LANES), (starts[-1],), (deepest,), (largest,)
    )
    eliminate_tiles(planes, columns, rims, tile_shares, *program)
    eliminate_lines(planes, height, width, domains, halves, starts, line_shares, (stack, front), rims)
    solution = np.zeros(planes.shape[1:], np.float32)
    fill_lines(solution, domains, starts, line_shares, height, width)
    fill_tiles(solution, columns, tile_shares, *program)
    return solution[1 : height + 1, 1 : width + 1]


def _room(*shapes: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Uninitialised arrays, each beginning at a cache line; in one piece, which the system maps in large pages."""
    lengths = [-(-math.prod(shape) // _LINE) * _LINE for shape in shapes]
    room = np.empty(sum(lengths) + _LINE, np.float32)
    begin = -room.ctypes.data % (_LINE * room.itemsize) // room.itemsize
    arrays = []
    for shape, length in zip(shapes, lengths, strict=True):
        arrays.append(room[begin : begin + math.prod(shape)].reshape(shape))
        begin += length
    return arrays
