"""A slow, obvious second reading of the two normative pages, and streams to compare it with the engine.

Nothing here may import the engine: the oracle is worth something only while it is independent.
"""
