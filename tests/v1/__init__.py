"""Our own interfaces under `/v1/`."""
