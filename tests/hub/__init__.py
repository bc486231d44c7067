"""The hub, with clocks and logs that stand in the hands of the tests."""
