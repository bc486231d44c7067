"""Tests of the engine: against the oracle, by the laws, and of each of its parts."""
