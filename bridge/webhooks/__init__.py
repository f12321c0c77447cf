"""Telling your own servers what happens to calls: signed, in order, at least once."""

from bridge.webhooks.couriers import Couriers
from bridge.webhooks.desk import Desk

__all__ = ["Couriers", "Desk"]
