"""How a bridge of the cluster is configured: two trunks, which are the edge, and one agent."""

from pathlib import Path
from typing import Any

from tests.cluster.places import Places

__all__ = ["TOKEN", "configuration"]

TOKEN = "token-of-the-cluster"


def configuration(
    places: Places, name: str, *, port: int, standin_port: int, control_port: int, journal: Path
) -> dict[str, Any]:
    """What is in its file. `port` is that of SIP, at every address."""
    host, standin, edge = (places.address(each) for each in (name, "ultravox", "edge"))
    return {
        "sip": {"listen": [f"udp://{host}:{port}"], "public_address": host},
        # The machine that this runs on is late for reasons of its own.
        "admission": {"max_late_ms": 0, "max_busy_percent": 0},
        "media": {"ports": "20000-20999", "bind_address": host, "codecs": ["PCMU"]},
        "ultravox": {"api_url": f"http://{standin}:{standin_port}/api", "api_key": "any"},
        "trunks": {
            "edge": {"hosts": [edge], "address": f"sip:{edge}:{port}"},
            "carrier": {
                "hosts": [edge],
                "address": f"sip:{places.address('carrier')}:{port}",
                "outbound_proxy": f"sip:{edge}:{port};lr",
                "username": "account",
                "password": "s3cret-of-account",
            },
        },
        "agents": {"echo": {"agent_id": "echo"}},
        "routes": [{"agent": "echo"}],
        "control": {"listen": f"{host}:{control_port}", "token": TOKEN},
        "journal": {"path": str(journal)},
    }
