"""What makes a run: the plan, the work of one process, what is looked for, and where every number came from."""
