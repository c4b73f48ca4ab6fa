"""The report: one HTML file of one run or several that opens from disk, without a network."""
