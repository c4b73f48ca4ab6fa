"""Experiments: what neither makes nor reads a run, such as metrics beside the values of their original codes."""
