"""The product: SIP calls on one side, Ultravox agents on the other, and everything around them."""

__version__ = "0.1.0"
