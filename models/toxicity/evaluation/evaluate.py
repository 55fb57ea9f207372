"""Prints every figure of every model, and writes them for the report, the manifests and the model card."""

import csv
import json

from evaluation import calibration, figures, predictions, tables
from settings import HERE, Settings

EXPERIMENTS = HERE / "experiments.csv"


def run(settings: Settings) -> dict:
    """Writes `figures.json`; prints its tables. Returns each model's headline figures.

    Any model that has predictions of the natural rows takes part, a baseline or an ablation too; one that has not been
    calibrated is calibrated first.
    """
    for model in predictions.models(settings):
        if not settings.calibration(model).exists():
            calibration.run(settings, model)
    found = {"models": {model: figures.of(settings, model) for model in predictions.models(settings)}}
    band = settings.calibration("auto")
    if band.exists():
        stored = json.loads(band.read_text())
        found["auto"] = {name: stored[name] for name in ("band", "share_of_bert", "share_of_pieces", "cost_of_bert")}
    found["corpus"] = json.loads((settings.work / "clean" / "counts.json").read_text())
    found["experiments"] = experiments(found["models"])
    (settings.work / "figures.json").write_text(json.dumps(found, indent=2) + "\n")
    print(tables.everything(found))
    return {
        f"{model}_{name}": value
        for model, of in found["models"].items()
        for name, value in (
            ("mean_roc_auc", of["natural"]["mean_roc_auc"]),
            ("toxic_expected_calibration_error", of["natural"]["expected_calibration_error"]["toxic"]),
            *((f"{held}_roc_auc", x["toxic_roc_auc"]) for held, x in of["held_out"].items() if "toxic_roc_auc" in x),
        )
    }


def experiments(models: dict[str, dict]) -> list[dict]:
    """Every model tried, from `experiments.csv`: name, bytes, microseconds for 400 bytes, mean ROC-AUC on the natural rows,
    ROC-AUC on the hate sets and on French, and a note. An empty cell is what was not measured.

    `origin` says where a row's mean ROC-AUC is from: the predictions of the model of that name, if it is among `models`
    (figures by model), which replace what the file says; else the line of the file, where it was written down when the
    model was tried.
    """
    with EXPERIMENTS.open(newline="") as file:
        reader = csv.DictReader(file)
        tried = [row | {"origin": f"{EXPERIMENTS.name}, line {reader.line_num}"} for row in reader]
    for row in tried:
        if row["name"] in models:
            row["mean_roc_auc"] = str(models[row["name"]]["natural"]["mean_roc_auc"])
            row["origin"] = f"predictions of `{row['name']}`"
    return tried
