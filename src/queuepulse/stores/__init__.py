"""Where events, snapshots and history are kept: `sqlite` on one machine, `memory` for tests and demos.

A store knows the ports and nothing of its neighbours; it reads no clock.
"""
