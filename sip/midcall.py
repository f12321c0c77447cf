"""Requests within a call that PJSIP would answer 500, and what they are answered instead."""

from sip.message import Message

__all__ = ["answer_to"]

OK, BAD_EVENT, NO_SUBSCRIPTION = 200, 489, 481
UNSUPPORTED_MEDIA, BAD_PACKAGE, NOT_IMPLEMENTED = 415, 469, 501
ALWAYS = {
    **dict.fromkeys(("INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "REFER"), 0),
    "OPTIONS": OK,  # the other side asks whether the call lives (RFC 3261 section 11)
}
OF_REFER = {"SUBSCRIBE": BAD_EVENT, "NOTIFY": NO_SUBSCRIPTION}
"""Where nobody has asked for a transfer."""
INFO_OF_PJSIP = ("application/dtmf-relay", "application/media_control+xml")
INFO_OF_OURS = ("", "application/dtmf")
"""An empty one asks whether the call lives (RFC 2976 section 2.2)."""


def answer_to(message: Message, *, referring: bool) -> int:
    """The status of an answer to a request; 0: it is PJSIP's to answer.

    `referring`: one side has asked the other for a transfer, and may be told of its outcome.
    """
    method = message.method
    if method in ALWAYS:
        return ALWAYS[method]
    if method == "INFO":
        return _to_info(message)
    if method not in OF_REFER:
        return NOT_IMPLEMENTED
    if _kind(message, "Event") != "refer":
        return BAD_EVENT
    return 0 if referring else OF_REFER[method]


def _to_info(message: Message) -> int:
    """Digits are taken; packages and other bodies are none of ours (RFC 6086 section 4.2.2)."""
    if "Info-Package" in message.headers:
        return BAD_PACKAGE
    kind = _kind(message, "Content-Type")
    if kind in INFO_OF_PJSIP:
        return 0
    return OK if kind in INFO_OF_OURS else UNSUPPORTED_MEDIA


def _kind(message: Message, header: str) -> str:
    """A header's value without parameters, in small letters."""
    return message.headers.first(header).lower().partition(";")[0].strip()
