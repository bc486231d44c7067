"""Scenarios: what happens in a contact center and what must be answered then, as text for anyone to read."""
