"""What the commands of the benchmark take and do; `benchmark.cli` lists them."""
