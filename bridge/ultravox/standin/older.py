"""Names that the protocol had before, which clients still use."""

import json

__all__ = ["modern"]


def modern(text: str) -> tuple[str, bool]:
    """The text with its older names replaced, and its deferResponse flag."""
    if "deferResponse" not in text and "input_text_message" not in text:
        return text, False
    raw = json.loads(text)
    if not isinstance(raw, dict):
        return text, False
    if raw.get("type") == "input_text_message":
        raw["type"] = "user_text_message"
    return json.dumps(raw), bool(raw.get("deferResponse"))
