"""How networks are trained: their losses, their recipes, and one loop."""
