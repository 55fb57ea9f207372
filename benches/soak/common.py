"""Imported before `harness`, which lies beside this folder and is found through here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
