"""Calls that are placed: what an order asks for, which ways lead there, and when the next is tried.

order ──> ways (trunk and number) ──> gate (pace, places) ──> hunt ──> attempt, attempt, …

All but the hunt is sans-I/O. Who wants to place many calls (a campaign) has the pace in `pace`, the
reasons to try again in `failover` and `Outcome`; who wants to know whether a machine answered
begins where the hunt has been answered.
"""
