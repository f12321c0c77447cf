"""REFER as PJSIP sends it."""

import pjsua2 as pj

from sip.pjsua.build import call_param
from sip.pjsua.directors import Call
from sip.stack import Refer, SipError
from sip.transfer import Transfer

__all__ = ["refer"]


def refer(call: Call, command: Refer, replaced: Call | None) -> Transfer:
    """Send a REFER. Raises SipError; ValueError for a header."""
    dialog = call.dialog
    if dialog is None or not dialog.answered:
        raise SipError("only a call that is up can be transferred")
    if command.replaces and replaced is None:
        raise SipError("the leg to be replaced is over")
    if any(name.lower() == "referred-by" for name in command.headers):
        raise SipError("Referred-By of a REFER is always our own identity")
    param = call_param(headers=command.headers)
    transfer = dialog.referred()
    try:
        if replaced is None:
            call.xfer(f"<{command.uri}>", param)
        else:
            call.xferReplaces(replaced, param)
    except pj.Error as error:
        dialog.transfer = None
        raise SipError(f"cannot send REFER: {error.reason}") from None
    return transfer
