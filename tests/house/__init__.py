"""The rules of the house, held by tests, so that nobody has to remember them.

Each test module states one kind of rule as functions from a piece of code or text to what is wrong with it,
shows them a bad sample, and then the whole tree. Nothing here imports QueuePulse: it is only read.
"""
