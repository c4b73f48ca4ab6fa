"""What makes a run: which work is left, the processes that do it, and what is recorded of how it was done."""
