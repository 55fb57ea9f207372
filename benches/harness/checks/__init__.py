"""Finds the package that is checked, whatever folder the checks are run from."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
