"""What reads a run: tables, tests, pictures, and how runs and metrics agree."""
