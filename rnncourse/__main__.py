"""``python -m rnncourse`` is ``rnncourse``; torchrun starts modules by name."""

import sys

from rnncourse.cli import main

if __name__ == "__main__":
    sys.exit(main())
