"""How good fused images are, side by side: metrics, runs, leaderboards."""
