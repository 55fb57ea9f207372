"""What each stage did, in MLflow: parameters, metrics, artefacts, signatures. A local store in the work directory.

mlflow ui --backend-store-uri sqlite:///models/toxicity/work/mlflow.db
"""

import importlib.util
from pathlib import Path

import numpy as np

from settings import Settings

EXPERIMENT = "toxicity"


def record(settings: Settings, stage: str, metrics: dict, seconds: float) -> None:
    """Writes one run for a stage that is done. Where MLflow is not installed, it says so: no stage needs it."""
    if importlib.util.find_spec("mlflow") is None:
        print(f"{stage}: not tracked, MLflow is not installed")
        return
    import mlflow

    work = settings.work.resolve()
    mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, artifact_location=(work / "mlruns").as_uri())
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=stage, tags={"stage": stage, "smoke": str(settings.smoke)}):
        mlflow.log_params({name: str(value)[:500] for name, value in flattened(settings.values).items()})
        mlflow.log_metrics({name: float(value) for name, value in metrics.items()} | {"seconds": seconds})
        for path in artefacts(settings, stage):
            mlflow.log_artifact(str(path), "report" if path.suffix in (".svg", ".md") else None)
        if stage == "export":
            for model in ("simple", "bert"):
                log_model(settings, model)


def artefacts(settings: Settings, stage: str) -> list[Path]:
    """The small files that a stage leaves. None of them holds text of the data."""
    work = settings.work
    wanted = {
        "fetch": [work / "sources.json"],
        "clean": [work / "clean" / "counts.json"],
        "calibrate": sorted((work / "calibration").glob("*.json")),
        "blend": [settings.calibration(name) for name in ("blend", "bert", "encoder")],
        "auto": [settings.calibration("auto")],
        "evaluate": [work / "figures.json"],
        "export": [path for path in sorted((work / "export").glob("*")) if path.suffix != ".onnx"],
        "report": sorted((work / "report").glob("*")),
    }
    return [path for path in wanted.get(stage.split("_")[0], []) if path.exists()]


def log_model(settings: Settings, model: str) -> None:
    """The exported ONNX graph with its signature: ids int64 [N] to what ONNX Runtime answers."""
    import mlflow
    import onnx

    from runtime import Reference

    data = (settings.work / "export" / f"{model}.onnx").read_bytes()
    ids = np.array([101, 2023, 102] if model == "bert" else [1, 2, 3], np.int64)
    names = [output.name for output in Reference(data).session.get_outputs()]
    answers = dict(zip(names, Reference(data).session.run(names, {"ids": ids}), strict=True))
    # A signature describes columns of equal length: one row of probabilities, one for each id of contributions.
    signature = mlflow.models.infer_signature(ids, answers["probabilities"])
    mlflow.onnx.log_model(onnx.load_from_string(data), name=model, signature=signature)


def flattened(values: dict, prefix: str = "") -> dict:
    """Nested knobs as one level of dotted names."""
    out = {}
    for name, value in values.items():
        out |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out
