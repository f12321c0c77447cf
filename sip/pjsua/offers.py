"""Offers that we make within a call, by re-INVITE."""

import logging
import time
from collections.abc import Callable

import pjsua2 as pj

from sip.commands import Hold, Reoffer
from sip.glare import Glare
from sip.pjsua.call import Call
from sip.pjsua.config import call_param
from sip.stack import OfferPending

__all__ = ["Offers"]

INVALID_OPERATION = 70013
"""PJ_EINVALIDOP: what PJSIP says of an offer while another waits for its answer."""

log = logging.getLogger("sip.pjsua")


class Offers:
    """Makes them, and again those that met one of the other side."""

    def __init__(self) -> None:
        self._glare = Glare()

    def make(self, call: Call, offer: Hold | Reoffer) -> None:
        """Offer. Raises OfferPending, pj.Error."""
        self._glare.offered(offer)
        try:
            _make(call, offer)
        except pj.Error as error:
            if error.status != INVALID_OPERATION:
                raise
            raise OfferPending("an offer of the call still waits for its answer") from None

    def crossed(self, call: Call) -> None:
        """The offer of a call got 491."""
        if call.dialog is not None:
            self._glare.crossed(call.key, time.monotonic(), outbound=call.dialog.outbound)

    def settle(self, now: float, find: Callable[[str], Call | None]) -> None:
        """Make again what is due, of the calls that are still there."""
        for offer in self._glare.take(now):
            if (call := find(offer.leg)) is None:
                continue
            try:
                self.make(call, offer)
            except pj.Error as error:
                log.info("= leg %s cannot offer again: %s", offer.leg, error.reason)
            except OfferPending as error:
                log.info("= leg %s cannot offer again: %s", offer.leg, error)

    def forget(self, call: Call) -> None:
        """A call is over."""
        self._glare.forget(call.key)


def _make(call: Call, offer: Hold | Reoffer) -> None:
    if isinstance(offer, Hold):
        _hold(call, held=offer.held)
    else:
        _reoffer(call, offer)


def _hold(call: Call, *, held: bool) -> None:
    """Hold the other side, or take it back."""
    param = call_param(with_media=True)
    if held:
        call.setHold(param)
    else:
        param.opt.flag = pj.PJSUA_CALL_UNHOLD
        call.reinvite(param)


def _reoffer(call: Call, command: Reoffer) -> None:
    """Offer again, where told at another address."""
    if command.media is not None:
        call.media = command.media
    call.reinvite(call_param(with_media=True))
