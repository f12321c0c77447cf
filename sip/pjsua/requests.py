"""Requests that we send within a call: INFO, REFER, NOTIFY."""

import pjsua2 as pj

from sip.commands import Refer, SendInfo
from sip.pjsua.call import Call
from sip.pjsua.config import call_param
from sip.replaces import refer_to
from sip.stack import SipError
from sip.transfer import Transfer

__all__ = ["notify", "refer", "send_info"]


def send_info(call: Call, command: SendInfo) -> None:
    """Send INFO. Raises pj.Error."""
    param = pj.CallSendRequestParam()
    param.method = "INFO"
    param.txOption.contentType = command.content_type
    param.txOption.msgBody = command.body
    call.sendRequest(param)


def refer(call: Call, command: Refer, replaced: Call | None) -> Transfer:
    """Send a REFER. Raises SipError; ValueError for a header."""
    dialog = call.dialog
    if dialog is None or not dialog.answered:
        raise SipError("only a call that is up can be transferred")
    if any(name.lower() == "referred-by" for name in command.headers):
        raise SipError("Referred-By of a REFER is always our own identity")
    uri = command.uri
    if command.replaces:
        other = replaced.dialog if replaced is not None else None
        if other is None or other.id is None:
            raise SipError("the leg to be replaced is not up")
        uri = refer_to(uri or other.remote_target, other.id)
    param = call_param(headers=command.headers)
    transfer = dialog.referred()
    try:
        call.xfer(f"<{uri}>", param)
    except pj.Error as error:
        dialog.transfer = None
        raise SipError(f"cannot send REFER: {error.reason}") from None
    return transfer


def notify(call: Call, code: int, reason: str) -> bool:
    """Tell the other side of the transfer that it asked for; False: it does not want to know."""
    return call.referral is not None and bool(call.referral.notify(code, reason))
