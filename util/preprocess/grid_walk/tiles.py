"""The insides of 7×7 tiles, eliminated by one program for all tiles at once.

A tile's 49 inside pixels come first in all its arrays, then the 28 pixels of its rim: 7 each to the north, south, west
and east. Every rate, stop and pay of a tile is one lane of a vector of 64 tiles.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from util.preprocess.grid_walk.kernels import OPTIONS, add, add_products, copy, drop_negligible, reciprocal, scale

PITCH = 8  # pixels from one line to the next
SIDE = PITCH - 1
INSIDE = SIDE * SIDE
RIM = 4 * SIDE
LANES = 64

Whole: TypeAlias = NDArray[np.uint32]
Single: TypeAlias = NDArray[np.float32]
Program: TypeAlias = tuple[Whole, Whole, Whole, Whole]


@functools.cache
def tile_program() -> Program:
    """The order in which a tile's inside is eliminated (minimum degree), and which numbers each step touches.

    Returns:
        order: (INSIDE,), the pixels, first eliminated first.
        ends: (INSIDE + 1,), where in ``targets`` each step's neighbours begin and end.
        targets: the neighbours of each step's pixel at that time.
        slots: (INSIDE + RIM, INSIDE + RIM), the place of the rate from one pixel to another; 0 for pairs never needed.
    """
    reach: list[set[int]] = [set() for _ in range(INSIDE + RIM)]
    for i in range(SIDE):
        for j in range(SIDE):
            for neighbour in (_index(i - 1, j), _index(i + 1, j), _index(i, j - 1), _index(i, j + 1)):
                reach[i * SIDE + j].add(neighbour)
                reach[neighbour].add(i * SIDE + j)
    needed: set[tuple[int, int]] = set()
    order: list[int] = []
    ends, targets = [0], list[int]()
    for _ in range(INSIDE):
        pixel = min(set(range(INSIDE)) - set(order), key=lambda one: (len(reach[one]), one))
        order.append(pixel)
        targets += sorted(reach[pixel])
        ends.append(len(targets))
        for one in reach[pixel]:
            reach[one] = (reach[one] | reach[pixel]) - {one, pixel}
            needed |= {(one, other) for other in reach[one] | {pixel}} | {(pixel, one)}
    slots = np.zeros((INSIDE + RIM, INSIDE + RIM), np.uint32)
    for slot, pair in enumerate(sorted(needed), start=1):
        slots[pair] = slot
    return np.array(order, np.uint32), np.array(ends, np.uint32), np.array(targets, np.uint32), slots


def _index(i: int, j: int) -> int:
    """Number of a pixel of a tile, from its row and column; -1 and ``SIDE`` are on the rim."""
    if i in (-1, SIDE):
        return INSIDE + (i == SIDE) * SIDE + j
    if j in (-1, SIDE):
        return INSIDE + (2 + (j == SIDE)) * SIDE + i
    return i * SIDE + j


@njit(**OPTIONS)
def eliminate_tiles(
    planes: Single,
    columns: int,
    rims: Single,
    shares: Single,
    order: Whole,
    ends: Whole,
    targets: Whole,
    slots: Whole,
) -> None:
    """Eliminates the insides of all tiles.

    Args:
        planes: (3, H', W'), the framed planes: across, down, source.
        columns: tiles in a row.
        rims: (tiles, RIM, RIM + 2), takes the rates between the rim's pixels through the inside, then stop and pay.
        shares: (batches, targets + INSIDE, LANES), takes what ``fill_tiles`` needs to fill in the inside.
        order: see ``tile_program``, likewise the rest.
        ends: likewise.
        targets: likewise.
        slots: likewise.
    """
    tiles = rims.shape[0]
    rates = np.empty((slots.max() + 1, LANES), np.float32)
    stops = np.empty((INSIDE + RIM, LANES), np.float32)
    pay = np.empty((INSIDE + RIM, LANES), np.float32)
    for batch in range(shares.shape[0]):
        first = batch * LANES
        filled = min(LANES, tiles - first)
        rates[:] = 0
        stops[:INSIDE] = 1
        stops[INSIDE:] = 0
        pay[:] = 0
        for lane in range(filled):
            _load(planes, columns, first + lane, lane, slots, rates, pay)
        _run(order, ends, targets, slots, rates, stops, pay, shares[batch])
        for one in range(RIM):
            for other in range(RIM):
                values = rates[slots[INSIDE + one, INSIDE + other]]
                for lane in range(filled):
                    rims[first + lane, one, other] = values[lane]
            for lane in range(filled):
                rims[first + lane, one, RIM] = stops[INSIDE + one, lane]
                rims[first + lane, one, RIM + 1] = pay[INSIDE + one, lane]


@njit(**OPTIONS)
def _load(planes: Single, columns: int, tile: int, lane: int, slots: Whole, rates: Single, pay: Single) -> None:
    """Puts one tile's rates and pay into its lane. Who enters a pixel does so at that pixel's rate."""
    across, down, source = planes[0], planes[1], planes[2]
    top, left = tile // columns * PITCH + 1, tile % columns * PITCH + 1
    for i in range(SIDE):
        for j in range(SIDE):
            here = i * SIDE + j
            y, x = top + i, left + j
            pay[here, lane] = source[y, x]
            right = here + 1 if j < SIDE - 1 else INSIDE + 3 * SIDE + i
            below = here + SIDE if i < SIDE - 1 else INSIDE + SIDE + j
            rates[slots[here, right], lane] = across[y, x + 1]
            rates[slots[right, here], lane] = across[y, x]
            rates[slots[here, below], lane] = down[y + 1, x]
            rates[slots[below, here], lane] = down[y, x]
            if j == 0:
                west = INSIDE + 2 * SIDE + i
                rates[slots[here, west], lane] = across[y, x - 1]
                rates[slots[west, here], lane] = across[y, x]
            if i == 0:
                north = INSIDE + j
                rates[slots[here, north], lane] = down[y - 1, x]
                rates[slots[north, here], lane] = down[y, x]


@njit(**OPTIONS)
def _run(
    order: Whole, ends: Whole, targets: Whole, slots: Whole, rates: Single, stops: Single, pay: Single, shares: Single
) -> None:
    """Runs the program on one batch of tiles."""
    total = np.empty(LANES, np.float32)
    for step in range(order.shape[0]):
        pixel = order[step]
        near = targets[ends[step] : ends[step + 1]]
        total[:] = stops[pixel]
        for one in near:
            add(total, rates[slots[pixel, one]])
        reciprocal(total)
        scale(stops[pixel], total)
        scale(pay[pixel], total)
        base = ends[step] + step
        for n in range(near.shape[0]):
            share = rates[slots[pixel, near[n]]]
            drop_negligible(share)
            scale(share, total)
            drop_negligible(share)
            copy(shares[base + n], share)
        copy(shares[base + near.shape[0]], pay[pixel])
        for one in near:
            inflow = rates[slots[one, pixel]]
            drop_negligible(inflow)
            add_products(stops[one], inflow, stops[pixel])
            add_products(pay[one], inflow, pay[pixel])
            for other in near:
                add_products(rates[slots[one, other]], inflow, rates[slots[pixel, other]])


@njit(**OPTIONS)
def fill_tiles(
    solution: Single, columns: int, shares: Single, order: Whole, ends: Whole, targets: Whole, slots: Whole
) -> None:
    """Fills the insides of all tiles into a framed solution whose lines are known."""
    tiles = (solution.shape[0] // PITCH) * columns
    values = np.zeros((INSIDE + RIM, LANES), np.float32)
    for batch in range(shares.shape[0]):
        first = batch * LANES
        filled = min(LANES, tiles - first)
        for lane in range(filled):
            top, left = (first + lane) // columns * PITCH + 1, (first + lane) % columns * PITCH + 1
            for i in range(SIDE):
                values[INSIDE + i, lane] = solution[top - 1, left + i]
                values[INSIDE + SIDE + i, lane] = solution[top + SIDE, left + i]
                values[INSIDE + 2 * SIDE + i, lane] = solution[top + i, left - 1]
                values[INSIDE + 3 * SIDE + i, lane] = solution[top + i, left + SIDE]
        for step in range(INSIDE - 1, -1, -1):
            value = values[order[step]]
            base, near = ends[step] + step, targets[ends[step] : ends[step + 1]]
            value[:] = shares[batch, base + near.shape[0]]
            for n in range(near.shape[0]):
                add_products(value, shares[batch, base + n], values[near[n]])
        for lane in range(filled):
            top, left = (first + lane) // columns * PITCH + 1, (first + lane) % columns * PITCH + 1
            for i in range(SIDE):
                for j in range(SIDE):
                    solution[top + i, left + j] = values[i * SIDE + j, lane]
