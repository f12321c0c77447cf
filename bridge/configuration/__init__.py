"""The configuration file's parts: its text, its sections, and every mistake that can be in it."""
