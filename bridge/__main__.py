"""`python -m bridge` is `uvbridge`."""

from bridge.cli import main

main()
