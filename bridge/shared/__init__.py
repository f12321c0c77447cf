"""Limits that hold over several bridges together, kept in Redis.

call, attempt ──> SharedLimits ──> Pool (what is ours) ──> Store (Redis: what everybody has)

Each bridge tells how many calls it has in each pool, with a time until which that holds: a bridge
that is killed gives its places back by saying nothing more.
"""
