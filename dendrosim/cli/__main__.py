"""`python -m dendrosim.cli` is the command `dendrosim`."""

import sys

from dendrosim.cli.main import main

sys.exit(main())
