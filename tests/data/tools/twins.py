"""A tool whose name another has."""


def process() -> None:
    """Do nothing."""
