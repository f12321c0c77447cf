"""Where letters to webhooks are written: which event is told to whom, in what words."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bridge.archive.outbox import Letter
from bridge.call import Call
from bridge.configuration.webhooks import WebhookConfig
from bridge.views.calls import call_view
from bridge.webhooks.clock import steady

__all__ = ["EVENTS", "Desk"]

EVENTS: Mapping[str, str] = {
    "ringing": "call.ringing",
    "answered": "call.answered",
    "transferred": "call.transferred",
    "recording-ready": "recording.ready",
}
"""Webhook events by the kinds of a call's own events (`Call.note`)."""


class Desk:
    """Writes letters; sends none."""

    def __init__(self, webhooks: Sequence[WebhookConfig]) -> None:
        self._webhooks = webhooks

    def of_call(self, event: str, call: Call, **detail: object) -> list[Letter]:
        """One letter for each webhook that wants to know of `event`."""
        if not self._wanted(event):
            return []
        facts = call.facts
        view = {
            **call_view(call),
            "started": _iso(facts.started),
            "sip_call_id": facts.sip_call_id,
            "ultravox_call_id": call.talk.ultravox_call_id,
        }
        return self._write(event, call.id, view, detail)

    def of_crashed(self, record: Mapping[str, Any]) -> list[Letter]:
        """The letters that tell the end of a call whose process was killed."""
        view = {"state": "ended"} | {
            name: value for name, value in record.items() if name != "transcript"
        }
        return self._write("call.ended", record["id"], view, {})

    def _wanted(self, event: str) -> list[WebhookConfig]:
        return [webhook for webhook in self._webhooks if event in webhook.events]

    def _write(
        self, event: str, call_id: str, view: Mapping[str, Any], detail: Mapping[str, object]
    ) -> list[Letter]:
        said = {"event": event, "at": _iso(time.time()), "call": view}
        if detail:
            said["detail"] = detail
        letters = []
        for webhook in self._wanted(event):
            name = f"d-{secrets.token_hex(12)}"
            letters.append(
                Letter(
                    id=name,
                    endpoint=webhook.url,
                    call=call_id,
                    event=event,
                    written=steady(),
                    # ASCII, so that no receiver can read it otherwise than it was signed.
                    body=json.dumps({"id": name, **said}, default=str),
                )
            )
        return letters


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
