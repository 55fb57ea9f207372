"""The figures as Markdown tables: what `evaluate` prints, and what the report and the model card show."""

from collections.abc import Callable

from corpus.rows import LABELS
from evaluation import targets
from evaluation.bias import MEASURES
from evaluation.official import KNOWN, PUBLISHED, extrapolated

SETS = {
    "dynahate_dev": "Dynahate, dev: adversarial hate",
    "hate_speech_dev": "Measuring Hate Speech, dev",
    "mlma_fr": "MLMA, French tweets, held-out fifth",
    "jigsaw_fr": "Jigsaw in French by machine, held-out fifth",
    "davidson": "Davidson et al. 2017, English tweets",
    "wiki_context_gn": "wiki-context gn, talk comments",
    "wiki_debias": "wiki-debias, test and dev: harmless, full of identity terms",
}


def everything(figures: dict) -> str:
    """All tables, each under its heading."""
    sections = [(name, make(figures)) for name, make in TABLES.items()]
    return "\n\n".join(f"### {name.replace('_', ' ').capitalize()}\n\n{text}" for name, text in sections)


def natural(figures: dict) -> str:
    """ROC-AUC on the natural rows with intervals."""
    models = figures["models"]
    rows = [["mean", *(_interval(f, f["natural"]["mean_roc_auc"], "mean") for f in models.values())]]
    for label in LABELS:
        positives = next(iter(models.values()))["natural"]["positives"][label]
        cells = [_interval(f, f["natural"]["roc_auc"][label], label) for f in models.values()]
        rows.append([f"{label} ({positives} positives)", *cells])
    return table(["ROC-AUC, 95 % interval", *models], rows)


def precision(figures: dict) -> str:
    """Average precision on the natural rows."""
    models = figures["models"]
    rows = [[label, *(f"{f['natural']['average_precision'][label]:.3f}" for f in models.values())] for label in LABELS]
    return table(["average precision", *models], rows)


def calibration(figures: dict) -> str:
    """Calibration error and what the cut points do."""
    rows = []
    for model, of in figures["models"].items():
        found = of["natural"]
        for level in ("medium", "high"):
            at = found["medium_or_high" if level == "medium" else "high"]
            error = f"{found['expected_calibration_error']['toxic']:.4f}"
            numbers = [f"{at['precision']:.3f}", f"{at['recall']:.3f}", f"{at['flagged']:.1%}"]
            rows.append(
                [model, error, "medium or high" if level == "medium" else level, found["levels"][level], *numbers]
            )
    return table(["model", "ECE of `toxic`", "level", "from score", "precision", "recall", "flagged"], rows)


def held_out(figures: dict) -> str:
    """`toxic` as a ranking on sets that no row is trained on."""
    models = figures["models"]
    rows = []
    for name, title in SETS.items():
        found = {model: of["held_out"].get(name, {}) for model, of in models.items()}
        for key, suffix in (("toxic_roc_auc", ""), ("identity_hate_roc_auc", ", by `identity_hate`")):
            if any(key in x for x in found.values()):
                size = next(x["rows"] for x in found.values() if x)
                rows.append([f"{title}{suffix}", size, *(_number(x.get(key)) for x in found.values())])
    return table(["ROC-AUC", "rows", *models], rows)


def false_positives(figures: dict) -> str:
    """The share of harmless rows called medium or high, and high."""
    models = figures["models"]
    rows = []
    for name, title in SETS.items():
        cells = []
        for of in models.values():
            found = of["held_out"].get(name, {})
            has = "medium_of_others" in found
            cells.append(f"{found['medium_of_others']:.2%} / {found['high_of_others']:.2%}" if has else "")
        rows.append([title, *cells])
    return table(["medium or high / high among rows that are not toxic", *models], rows)


def identity_terms(figures: dict) -> str:
    """Bias by identity term on madlibs: generalised mean, worst term."""
    models = {model: of for model, of in figures["models"].items() if "terms" in of.get("identity_terms", {})}
    rows = [["ROC-AUC, all rows", *(_number(of["identity_terms"]["roc_auc"]) for of in models.values())]]
    for measure in MEASURES:
        found = [of["identity_terms"].get(measure) for of in models.values()]
        cells = [f"{x['generalised_mean']:.4f} / {x['worst']:.4f} ({x['worst_term']})" if x else "" for x in found]
        rows.append([f"{measure}, generalised mean / worst", *cells])
    high = [{name: term["false_high"] for name, term in of["identity_terms"]["terms"].items()} for of in models.values()]
    worst = [sorted(shares, key=shares.get, reverse=True)[:3] for shares in high]
    cells = [
        ", ".join(f"{shares[name]:.0%} ({name})" for name in names) for shares, names in zip(high, worst, strict=True)
    ]
    rows.append(["harmless rows called high, the three worst terms", *cells])
    return table(["madlibs", *models], rows)


def terms(figures: dict) -> str:
    """Subgroup, BPSN and BNSP ROC-AUC of every identity term, and the share of its harmless rows called high."""
    models = {model: of["identity_terms"]["terms"] for model, of in figures["models"].items() if "identity_terms" in of}
    names = sorted({term for of in models.values() for term in of})
    shown = (*MEASURES, "false_high")
    cell = lambda of, term: " / ".join(f"{of[term][name]:.3f}" for name in shown) if term in of else ""
    return table(
        ["subgroup / BPSN / BNSP / harmless rows called high", *models], [[term, *(cell(of, term) for of in models.values())] for term in names]
    )


def obfuscation(figures: dict) -> str:
    """ROC-AUC of `toxic` with the toxic rows obfuscated."""
    models = {model: of["obfuscated"] for model, of in figures["models"].items()}
    rules = next(iter(models.values()), {})
    rows = []
    for rule, found in rules.items():
        cells = [_number(of.get(rule, {}).get("toxic_roc_auc")) for of in models.values()]
        rows.append([rule.replace("_", " "), found["changed"], *cells])
    return table(["rule", "rows it changes", *models], rows)


def cost(figures: dict) -> str:
    """Every model tried."""
    columns = ["name", "bytes", "microseconds", "mean_roc_auc", "hate_roc_auc", "french_roc_auc", "note", "origin"]
    heads = ["model", "bytes", "us for 400 bytes", "mean ROC-AUC", "hate ROC-AUC", "French ROC-AUC", "note"]
    heads += ["mean ROC-AUC is from"]
    return table(heads, [[row[column] for column in columns] for row in figures["experiments"]])


def against_targets(figures: dict) -> str:
    """What was asked, what is reached, and what was tried where that is not enough."""
    return table(["asked", "needed", "measured", "", "tried"], targets.rows(figures))


def official(figures: dict) -> str:
    """The official test's mean ROC-AUC by the straight line through the models of `KNOWN`: an extrapolation. The interval
    is that of the natural rows, carried along the line; how far the line itself is off is not in it."""
    rows = [[name, f"{natural:.4f}", f"{official:.4f}", "on the line"] for name, (natural, official) in KNOWN.items()]
    for model, of in figures["models"].items():
        cells = [extrapolated(value) for value in (of["natural"]["mean_roc_auc"], *of["natural"]["intervals"]["mean"])]
        estimate, low, high = cells
        text = f"{estimate:.4f} ({low:.4f} to {high:.4f})"
        against = f"extrapolated, {estimate - PUBLISHED[1]:+.4f} against {PUBLISHED[0]}"
        rows.append([model, _interval(of, of["natural"]["mean_roc_auc"], "mean"), text, against])
    rows.append([PUBLISHED[0], "", f"{PUBLISHED[1]:.4f}", "published, measured there"])
    return table(["mean ROC-AUC", "natural rows", "official test, estimated", "how"], rows)


def auto(figures: dict) -> str:
    """The band of `auto`, and what it costs and loses."""
    if "auto" not in figures:
        return "`auto` was not evaluated."
    found, models = figures["auto"], figures["models"]
    lost = models["bert"]["natural"]["mean_roc_auc"] - models["auto"]["natural"]["mean_roc_auc"]
    band = f"{found['band']['low']:.4f} to {found['band']['high']:.4f}"
    shares = [f"{found[name]:.1%}" for name in ("share_of_bert", "share_of_pieces", "cost_of_bert")]
    heads = ["share of rows", "share of word pieces", "cost of `bert`'s", "mean ROC-AUC below `bert`'s"]
    return table(["`bert` decides where `simple` says", *heads], [[band, *shares, f"{lost:.5f}"]])


def table(head: list[str], rows: list[list]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _interval(figures: dict, value: float, name: str) -> str:
    low, high = figures["natural"]["intervals"][name]
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


TABLES: dict[str, Callable[[dict], str]] = {
    "targets": against_targets,
    "natural": natural,
    "precision": precision,
    "calibration": calibration,
    "held_out": held_out,
    "false_positives": false_positives,
    "identity_terms": identity_terms,
    "obfuscation": obfuscation,
    "auto": auto,
    "official": official,
    "cost": cost,
}
