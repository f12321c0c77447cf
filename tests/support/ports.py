"""The media ports of the tests in this process, which no other process of them has."""

from deploy.ports import claim

__all__ = ["MEDIA"]

MEDIA = claim()
