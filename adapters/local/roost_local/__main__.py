"""`python -m roost_local`: the command line, where no `roost` is on PATH."""

import sys

from .cli import main

sys.exit(main())
