"""QueuePulse: real-time contact-center statistics, computed from a durable log of events."""

__version__ = "0.1.0"
