"""`python -m benchmark`."""

import sys

from ivif.benchmark.cli import main

if __name__ == "__main__":
    sys.exit(main())
