"""Logging: one line a record, plain for people or JSON for machines.

Messages follow one grammar, so that a trace reads at a glance:

    > sent    < received    = state    % timer

INFO tells when a call starts and when it ends. Digits, secrets, join URLs and transcripts never
appear at INFO or above.
"""

import json
import logging
import re
import sys
from typing import Literal

from bridge.log_limit import LogLimit
from bridge.log_queue import QueuedHandler
from bridge.visible import visible_lines

__all__ = ["LogFormat", "start"]

LogFormat = Literal["text", "json"]

_SECRETS = re.compile(
    r"""(?P<kept> wss?://[^\s?"<>]*\?           # a join URL, in a header of an INVITE
              | Signal\s*=\s*                  # a digit in an INFO
              | application/dtmf\r?\n(?:\S.*\n)*\s*\n\s*
        ) (?: (?<=\?)[^\s"<>]+ | [0-9A-D*#]+ )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What others put into the SIP messages that the log shows at DEBUG."""
_PLAIN = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
_INDENT = "\n    "


class _PlainFormatter(logging.Formatter):
    """A record for people: what others put into it neither begins a line nor steers a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\r\n", "\n")
        return visible_lines(text).replace("\n", _INDENT)


class _JsonFormatter(logging.Formatter):
    """A record as one JSON object; what a caller passes as ``extra={"fields": {…}}`` joins it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _mask(record: logging.LogRecord) -> bool:
    """Take out of a record what may not be in the log; it is logged in any case."""
    text = record.getMessage()
    masked = _SECRETS.sub(r"\g<kept>…", text)
    if masked != text:
        record.msg, record.args = masked, None
    return True


def start(level: str = "info", style: LogFormat = "text") -> None:
    """Send the log to standard error at `level` in `style`."""
    handler = QueuedHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if style == "json" else _PlainFormatter(_PLAIN))
    handler.addFilter(LogLimit())  # first: it knows kinds by their unfilled text
    handler.addFilter(_mask)
    for former in logging.getLogger().handlers:
        former.flush()
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
