"""The report: pictures and tables of every figure, and the model card's generated parts."""

import json
import re

from evaluation import tables
from pictures import draw
from settings import HERE, Settings

MARK = re.compile(r"(<!-- figures: (\w+)[^>]*-->\n).*?(<!-- /figures -->)", re.DOTALL)
CAPTIONS = {
    "roc": "ROC of `toxic` on the natural rows",
    "precision_recall": "Precision and recall of `toxic` on the natural rows",
    "reliability": "Reliability of `toxic` on the natural rows, cross-calibrated",
    "histograms": "Calibrated probability of each label, by whether the row bears it",
    "cost": "Cost against quality of every model tried",
}


def run(settings: Settings) -> dict:
    """Writes `report/*.svg`, `report/README.md`, and `report/card.md`: the model card with its tables made anew.

    `pipeline.py publish` puts them into the tree. Returns how many pictures there are.
    """
    out = settings.work / "report"
    out.mkdir(parents=True, exist_ok=True)
    figures = json.loads((settings.work / "figures.json").read_text())
    drawn = draw(settings, figures, out)
    pictures = "\n\n".join(f"![{CAPTIONS[name]}]({name}.svg)\n\n*{CAPTIONS[name]}.*" for name in drawn)
    (out / "README.md").write_text(
        "# Toxicity models: every figure\n\n"
        "Written by `python models/toxicity/pipeline.py evaluate report publish`; the numbers are never typed by hand. The\n"
        "model card beside this directory says what they mean.\n\n"
        f"{tables.everything(figures)}\n\n### By identity term\n\n{tables.terms(figures)}\n\n## Pictures\n\n{pictures}\n"
    )
    (out / "card.md").write_text(filled((HERE / "README.md").read_text(), figures))
    return {"pictures": len(drawn)}


def filled(card: str, figures: dict) -> str:
    """The card with what stands between `<!-- figures: NAME -->` and `<!-- /figures -->` made from the figures."""
    return MARK.sub(lambda found: f"{found[1]}{tables.TABLES[found[2]](figures)}\n{found[3]}", card)
