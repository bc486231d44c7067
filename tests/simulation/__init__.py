"""Proofs with real servers: killed at random points, out of disk, with a damaged log.

`kills` runs the killing, `servers` starts and ends one server, `books` holds what must be true of its log,
`hurried` is a server whose chores come often enough to be hit.
"""
