"""What people see: what is pushed to them, who they are, and what they may look at."""
