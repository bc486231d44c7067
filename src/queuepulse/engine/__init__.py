"""The engine: a pure function of the log.

Nothing in here may read a clock, a file or a socket, log, wait, or draw a random number.
"""
