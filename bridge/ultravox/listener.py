"""What picows tells of a connection, handed to its receiver."""

from picows import WSListener

from bridge.ultravox.receiver import Receiver

__all__ = ["Listener"]


class Listener(WSListener):
    """The receiver's own methods under the names that picows calls.

    A compiled class cannot inherit picows's, and a method here would be interpreted for each frame.
    """

    __slots__ = ("on_ws_connected", "on_ws_frame", "pause_writing", "resume_writing")

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        for name in self.__slots__:
            setattr(self, name, getattr(receiver, name))
