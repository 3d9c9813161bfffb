"""Data sets: reading, splitting, synthesizing."""
