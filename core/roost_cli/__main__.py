"""`python -m roost_cli`: the command line, where no `roost` is on PATH."""

import sys

from . import main

sys.exit(main())
