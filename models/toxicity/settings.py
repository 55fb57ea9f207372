"""Where the pipeline reads its knobs and puts its files."""

import copy
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
PARAMS = HERE / "params.yaml"


class Settings:
    """The knobs of `params.yaml` as a nested dictionary, and the paths of what the stages hand to one another."""

    def __init__(self, work: Path, tamis: Path | None, smoke: bool, params: Path = PARAMS):
        """`work` takes every intermediate file; `tamis` is the daemon's binary, needed where text is cut into ids."""
        values = yaml.safe_load(params.read_text())
        small = values.pop("smoke_settings")
        self.smoke = bool(smoke or values["smoke"])
        self.values = merged(values, small) if self.smoke else values
        self.work, self.tamis = work, tamis
        self.seed = int(values["seed"])

    def __getitem__(self, section: str) -> dict:
        return self.values[section]

    def rows(self, name: str) -> Path:
        """The cleaned and split rows of a set."""
        return self.work / "rows" / f"{name}.jsonl"

    def pieces(self, name: str) -> Path:
        """The wordpiece ids of a set's rows."""
        return self.work / "pieces" / f"{name}.npz"

    def prediction(self, model: str, name: str) -> Path:
        """What a model makes of a set's rows."""
        return self.work / "predictions" / model / f"{name}.npz"

    def calibration(self, model: str) -> Path:
        """Slopes, intercepts and cut points of a model."""
        return self.work / "calibration" / f"{model}.json"


def merged(base: dict, over: dict) -> dict:
    """`base` with the leaves of `over` in the place of its own."""
    out = copy.deepcopy(base)
    for key, value in over.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out
