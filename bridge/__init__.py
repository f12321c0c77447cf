"""The product: SIP calls on one side, Ultravox agents on the other, and everything around them."""

import contextlib
import os

# Before anything imports numpy: its BLAS would start a thread for each core, and these spin, which
# the audio hears. No product of ours is large enough to gain from them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

with contextlib.suppress(ImportError):  # where it was not compiled, it runs as it is
    from uvbridge_native import adopt

    adopt("bridge", __path__)

__version__ = "0.1.0"
