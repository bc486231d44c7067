"""What the running server shows of itself as it happens: its metrics, and the health of VDNs."""
