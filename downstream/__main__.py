"""`python -m downstream`."""

import sys

from downstream.cli import main

sys.exit(main())
