"""What the running server shows of itself as it happens: so far its metrics."""
