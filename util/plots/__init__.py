"""Results to figures and reports."""
