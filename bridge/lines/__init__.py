"""Towards the network: trunks, listeners, the addresses and ports that calls are carried on."""
