"""The files that the daemon embeds: the calibrated ONNX graph, its manifest and its golden rows, for each model."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

import manifest
import sentences
from bert import pieces, weights
from bert.graph import graph as bert_graph
from corpus import rows
from evaluation import calibration, drift, predictions
from runtime import Reference
from settings import Settings
from simple import features
from simple.graph import graph as simple_graph
from simple.model import Bag

TOLERANCE = 1e-5
GOLDEN_IDS = 250
CHECKED_ROWS = 1000
# For each exported graph: whose predictions are its own, before calibration, and the file of what calibrates them.
GRAPHS = {"simple": ("simple", "simple"), "bert": ("encoder", "blend")}
LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy")


def run(settings: Settings) -> dict:
    """Writes `export/MODEL.{onnx,toml,golden.json}`; raises if ONNX Runtime on the exported bytes departs from the
    calibrated predictions."""
    out = settings.work / "export"
    out.mkdir(parents=True, exist_ok=True)
    figures = json.loads((settings.work / "figures.json").read_text())
    sizes, digests = {}, {}
    for model, make in (("simple", _simple), ("bert", _bert)):
        onnx, ids, shown, unshown = make(settings)
        if onnx != make(settings)[0]:
            raise RuntimeError(f"two exports of {model} differ")
        reference = Reference(onnx)
        _check(settings, model, reference, ids)
        golden = golden_rows(reference, shown, unshown)
        digests[model] = hashlib.sha256(onnx).hexdigest()
        content = _manifest(settings, model, digests, len(onnx), figures["models"][model])
        for suffix, data in (("onnx", onnx), ("toml", content.encode()), ("golden.json", golden.encode())):
            (out / f"{model}.{suffix}").write_bytes(data)
        sizes[f"{model}_bytes"] = len(onnx)
        print(f"{model}: {len(onnx)} bytes of ONNX, {len(shown) + len(unshown)} golden rows")
    return sizes


def _simple(settings: Settings) -> tuple[bytes, dict, list, list]:
    """The graph, ids of rows to check it on, golden rows with their texts, and golden rows that are ids alone.

    The ids that show no text are hashes of the natural rows' n-grams: the text cannot be had from them.
    """
    slopes, intercepts = _calibration(settings, "simple")
    onnx = simple_graph(Bag.load(settings.work / "simple" / "bag.npz").calibrated(slopes, intercepts))
    checked = _some(settings, "davidson")
    texts = rows.read(settings.rows("davidson")).texts
    ids = dict(zip(checked, features.ids(settings.tamis, [texts[at] for at in checked]), strict=True))
    shown = list(zip(sentences.GOLDEN, features.ids(settings.tamis, sentences.GOLDEN), strict=True))
    natural = features.ids(settings.tamis, rows.read(settings.rows("natural")).texts)
    return onnx, ids, shown, _spread(natural, predictions.logits(settings, "simple", "natural")[:, 0], settings)


def _bert(settings: Settings) -> tuple[bytes, dict, list, list]:
    """As `_simple`, without rows of data: word pieces could be read. The graph is the encoder's part of the blend."""
    slopes, intercepts = _calibration(settings, "bert")
    most = settings["bert"]["max_pieces"]
    onnx = bert_graph(weights.load(settings), slopes, intercepts, most)
    stored = pieces.read(settings.pieces("davidson"))
    ids = {at: pieces.framed(stored[at], most) for at in _some(settings, "davidson")}
    cut = zip(sentences.GOLDEN, pieces.cut(settings, sentences.GOLDEN), strict=True)
    # The daemon does not score a text without pieces.
    return onnx, ids, [(text, pieces.framed(row, most)) for text, row in cut if len(row)], []


def golden_rows(reference: Reference, shown: list[tuple[str, np.ndarray]], unshown: list[np.ndarray]) -> str:
    """Golden rows with ONNX Runtime's answers: `shown` with their texts, `unshown` by their ids alone."""
    lines = []
    for text, ids in [*shown, *((None, ids) for ids in unshown)]:
        row = {} if text is None else {"text": text}
        row["ids"] = ids.tolist()
        row["probabilities"] = [float(str(value)) for value in reference.probabilities(ids)]
        lines.append(json.dumps(row, separators=(",", ":")))
    return '{"rows":[\n' + ",\n".join(lines) + "\n]}\n"


def publish(settings: Settings) -> dict:
    """Copies the exported files and the report beside this file, where the daemon's build and readers find them."""
    here = Path(__file__).parent
    if settings.smoke:
        print("a smoke run publishes nothing")
        return {}
    (here / "report").mkdir(exist_ok=True)
    copied = [(path, here / path.name) for path in sorted((settings.work / "export").iterdir())]
    copied += [(path, here / "report" / path.name) for path in sorted((settings.work / "report").iterdir())]
    copied = [(source, target) for source, target in copied if source.name != "card.md"]
    for source, target in copied:
        target.write_bytes(source.read_bytes())
    (here / "README.md").write_text((settings.work / "report" / "card.md").read_text())
    print(f"{len(copied) + 1} files written below {here}")
    return {"files": len(copied) + 1}


def _manifest(settings: Settings, model: str, digests: dict[str, str], size: int, figures: dict) -> str:
    sources = json.loads((settings.work / "sources.json").read_text())["sets"]
    training = {
        "form": manifest.FORMS[model],
        "settings": settings[model] | ({"blend": settings["blend"]} if model == "bert" else {}),
        "seed": settings.seed,
        "files_sha256": {source["file"]: source["sha256"] for source in sources.values()},
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    more = {"reference": {"toxic": drift.reference(settings, model)}}
    if model == "bert":
        shares = json.loads(settings.calibration("blend").read_text())["shares"]
        band = json.loads(settings.calibration("auto").read_text())["band"]
        more["auto"] = {**band, "reference": drift.reference(settings, "auto")}
        more["blend"] = {"model": "simple", "sha256": digests["simple"], "shares": shares}
    levels = dict(zip(("medium", "high"), calibration.levels(settings, model), strict=True))
    return manifest.render(settings, model, digests[model], size, levels, more, figures, training)


def _calibration(settings: Settings, model: str) -> tuple[np.ndarray, np.ndarray]:
    """What the head of a model's graph takes in; that of `bert` is the encoder's part of the blend."""
    stored = json.loads(settings.calibration(GRAPHS[model][1]).read_text())
    return np.array(stored["slopes"]), np.array(stored["intercepts"])


def _check(settings: Settings, model: str, reference: Reference, ids: dict[int, np.ndarray]) -> None:
    slopes, intercepts = _calibration(settings, model)
    logits = predictions.logits(settings, GRAPHS[model][0], "davidson").astype(np.float64)
    expected = predictions.sigmoid(logits * slopes + intercepts)
    found = {at: reference.probabilities(row) for at, row in ids.items() if len(row)}
    error = max(float(np.abs(row - expected[at]).max()) for at, row in found.items())
    print(f"{model}: ONNX Runtime against the predictions on {len(found)} rows: largest difference {error:.1e}")
    if not error <= TOLERANCE:
        raise RuntimeError(f"the exported {model} is off by {error}")


def _some(settings: Settings, name: str) -> np.ndarray:
    count = len(rows.read(settings.rows(name)))
    return np.linspace(0, count - 1, min(CHECKED_ROWS, count)).astype(int)


def _spread(ids: list[np.ndarray], logits: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """Ids of rows from the least to the most toxic score, without long rows."""
    short = [row for row in np.argsort(logits, kind="stable") if 0 < len(ids[row]) <= GOLDEN_IDS]
    chosen = np.linspace(0, len(short) - 1, min(settings["export"]["golden_rows"], len(short))).astype(int)
    return [ids[short[at]] for at in chosen]
