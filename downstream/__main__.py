"""`python -m downstream`."""

import sys

from ivif.downstream.cli import main

if __name__ == "__main__":
    sys.exit(main())
