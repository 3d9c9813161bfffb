"""Measures: ranked ids and truth in, numbers out.

Every measure says in its docstring what it counts, by which formula, and what it answers for ties, for an empty input
and for a query that has nothing to be found. ``evaluate.evaluate_ranking`` puts them together.
"""
