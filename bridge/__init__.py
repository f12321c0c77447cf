"""The product: SIP calls on one side, Ultravox agents on the other, and everything around them."""

import os

# Before anything imports numpy: its BLAS would start a thread for each core, and these spin, which
# the audio hears. No product of ours is large enough to gain from them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
