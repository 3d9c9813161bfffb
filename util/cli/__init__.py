"""The nearid command."""
