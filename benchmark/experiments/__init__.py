"""What is neither making nor reading a run: metrics beside their originals, stages and ablations, cost of methods."""
