"""Trains, evaluates and exports the toxicity models, a stage at a time.

    python models/toxicity/pipeline.py STAGE... --tamis target/release/tamis     some stages, as `dvc repro` runs them
    python models/toxicity/pipeline.py all --tamis target/release/tamis          every stage in order, without DVC
    python models/toxicity/pipeline.py --smoke --tamis target/debug/tamis        every stage, on synthetic rows

The data directory is the environment variable DATA; the binary may be the environment variable TAMIS. The same data,
settings, binary and library versions give the same files.
"""

import argparse
import hashlib
import importlib
import os
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import tracking
from corpus import synthetic
from corpus.rows import LABELS
from settings import HERE, Settings

# Stage, and the function that does it: module, name, arguments. Each takes the settings and returns metrics.
STAGES = {
    "fetch": ("corpus.fetch", "run"),
    "clean": ("corpus.clean", "run"),
    "split": ("corpus.split", "run"),
    "train_simple": ("simple.train", "run"),
    "calibrate_simple": ("evaluation.calibration", "run", "simple"),
    "pieces": ("bert.pieces", "run"),
    "train_bert": ("bert.train", "run"),
    "quantize": ("bert.quantize", "run"),
    "predict": ("bert.quantize", "predict"),
    "blend": ("evaluation.blend", "run"),
    "auto": ("evaluation.band", "run"),
    "evaluate": ("evaluation.evaluate", "run"),
    "export": ("export", "run"),
    "report": ("report", "run"),
}
# `simple` learns the synthetic labels, each marked by a word of its own, almost perfectly.
SMOKE_ROC_AUC = 0.99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", default="all", choices=[*STAGES, "publish", "all"], metavar="STAGE")
    parser.add_argument(
        "--tamis", type=Path, default=os.environ.get("TAMIS"), help="the daemon's binary, which cuts texts"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where intermediate files go")
    parser.add_argument("--smoke", action="store_true", help="synthetic rows, a temporary directory, checks only")
    arguments = parser.parse_args()
    tamis = Path(arguments.tamis).resolve(strict=True) if arguments.tamis else None
    if arguments.smoke:
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), tamis, smoke=True)
            found = {stage: perform(settings, stage) for stage in STAGES}
            check_smoke(settings, found)
        return
    settings = Settings(arguments.work, tamis, smoke=False)
    for stage in STAGES if "all" in arguments.stages else arguments.stages:
        perform(settings, stage)


def perform(settings: Settings, stage: str) -> dict:
    """Runs one stage, says how long it took, and records it."""
    say(f"==> {stage}")
    begun = time.monotonic()
    module, function, *rest = STAGES.get(stage, ("export", "publish"))
    metrics = getattr(importlib.import_module(module), function)(settings, *rest)
    seconds = time.monotonic() - begun
    say(f"==> {stage} done, {seconds:.1f} s")
    tracking.record(settings, stage, metrics, seconds)
    return metrics


def check_smoke(settings: Settings, found: dict[str, dict]) -> None:
    """Raises unless the smoke run dropped what it should, learnt, calibrated, exported and drew something."""
    if not found["clean"]["dropped"] == synthetic.REPEATED:
        raise RuntimeError("not the repeated rows, and these alone, were dropped")
    if not found["train_simple"]["mean_roc_auc"] > SMOKE_ROC_AUC:
        raise RuntimeError("the synthetic labels, each marked by a word of its own, were not learnt")
    if not found["blend"]["mean_roc_auc"] > SMOKE_ROC_AUC:
        raise RuntimeError("the blend lost what `simple` learnt")
    if not (found["export"]["simple_bytes"] and found["export"]["bert_bytes"] and found["report"]["pictures"]):
        raise RuntimeError("nothing was exported or drawn")
    blend = tomllib.loads((settings.work / "export" / "bert.toml").read_text())["blend"]
    simple = (settings.work / "export" / "simple.onnx").read_bytes()
    if not (blend["sha256"] == hashlib.sha256(simple).hexdigest() and len(blend["shares"]) == len(LABELS)):
        raise RuntimeError("the manifest of bert does not name the simple that it is blended with")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
