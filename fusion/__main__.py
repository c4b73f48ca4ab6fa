"""`python -m fusion`."""

import sys

from ivif.fusion.cli import main

if __name__ == "__main__":
    sys.exit(main())
