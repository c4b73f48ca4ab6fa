"""Robustness, read: what a run directory holds of methods on corrupted sources, as measures, tables and pages."""
