"""Measures: ranked ids and truth in, numbers out."""
