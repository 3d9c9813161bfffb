"""Whole numbers in given proportions, and things put into places until those numbers are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def apportion(total: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Divides a number by the method of largest remainders (Hamilton), so that small parts do not go empty.

    Args:
        total: at least 0.
        fractions: part → positive share of the sum of all.

    Returns:
        part → whole number, adding up to ``total``. If ``total`` allows, every part gets at least 1, taken from the
        part that has most; else as many parts as there are units get 1, largest fraction first.

    >>> apportion(10, {"train": 0.75, "test": 0.25}), apportion(3, {"train": 0.9, "test": 0.1})
    ({'train': 8, 'test': 2}, {'train': 2, 'test': 1})
    >>> apportion(1, {"val": 0.2, "train": 0.8})
    {'val': 0, 'train': 1}
    """
    by_size = sorted(fractions, key=lambda part: -fractions[part])
    # Rounded, because 0.1 + 0.2 is a little more than 0.3 and must not decide who gets the remainder.
    share = total / sum(fractions.values())
    quotas = {part: round(share * fraction, 9) for part, fraction in fractions.items()}
    counts = {part: int(quota) for part, quota in quotas.items()}
    by_remainder = sorted(by_size, key=lambda part: counts[part] - quotas[part])
    for part in by_remainder[: total - sum(counts.values())]:
        counts[part] += 1
    for empty in [part for part in by_size if counts[part] == 0]:
        richest = max(by_size, key=lambda part: counts[part])
        if counts[richest] > 1:
            counts[richest] -= 1
            counts[empty] += 1
    return counts


def fill(
    atoms: Sequence[str], sizes: Mapping[str, int], wanted: Mapping[str, int], placed: Mapping[str, str]
) -> dict[str, str]:
    """Gives each atom a part so that the sizes come as close to the wanted totals as the atoms allow.

    Large atoms first, each to the part that still lacks most; atoms of size 1 meet the totals exactly.

    Args:
        atoms: names, in the order in which equal sizes are taken.
        sizes: atom → its size.
        wanted: part → wanted total.
        placed: atoms that have their part already.

    Returns:
        atom → part.

    >>> fill(["a", "b", "c"], {"a": 1, "b": 2, "c": 1}, {"train": 3, "test": 1}, {})
    {'b': 'train', 'a': 'train', 'c': 'test'}
    """
    lacking = dict(wanted)
    part_of = dict(placed)
    for atom, part in placed.items():
        lacking[part] -= sizes[atom]
    for atom in sorted((atom for atom in atoms if atom not in placed), key=lambda atom: -sizes[atom]):
        part = max(lacking, key=lambda part: lacking[part])
        part_of[atom] = part
        lacking[part] -= sizes[atom]
    return part_of
