"""Whole calls to read and to run: `python -m examples.run NAME`."""
