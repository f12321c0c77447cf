"""Who is told what happens to a party."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bridge.parties.party import Party

__all__ = ["NOBODY", "Owner"]


class Owner(Protocol):
    """The call that a party is in, as the party sees it."""

    def spoken_to(self, party: "Party", at: float) -> None:
        """Speech to the party began at loop time `at`."""

    def pressed(self, party: "Party", digits: str) -> None:
        """It pressed digits, up to a pause."""

    def keyed(self, party: "Party", digit: str) -> None:
        """It pressed a key that nobody waits for, and that cannot be heard in what it says."""

    def hold_changed(self, party: "Party") -> None:
        """It is held, or no longer."""


class _Nobody:
    """Who is told of a party that has left."""

    def spoken_to(self, party: "Party", at: float) -> None:
        pass

    def pressed(self, party: "Party", digits: str) -> None:
        pass

    def keyed(self, party: "Party", digit: str) -> None:
        pass

    def hold_changed(self, party: "Party") -> None:
        pass


NOBODY: Owner = _Nobody()
