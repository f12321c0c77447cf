"""The agents of a call: what they are told, what they hear and say, and when."""

import contextlib

with contextlib.suppress(ImportError):  # where it was not compiled, it runs as it is
    from uvbridge_native import adopt

    adopt("bridge/agents", __path__)
