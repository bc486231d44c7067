"""`python -m queuepulse` is `queuepulse`."""

from queuepulse.cli import main

if __name__ == "__main__":
    main()
