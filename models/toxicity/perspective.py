"""How scores compare with Perspective's: SAMPLE DATA URL, as Markdown for docs/perspective.md.

SAMPLE is the list of 2,000 Wikipedia comments with Perspective's scores of 29 August 2018 that the repository
conversationai/perspectiveapi has as `example_data/perspective_wikipedia_2k_score_sample_20180829.csv`; DATA the directory of
the training data, whose comments are left out; URL a running daemon with `bert`.
"""

import csv
import json
import lzma
import sys
import urllib.request
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

MODELS = ["simple", "auto", "bert"]
ATTRIBUTES = {
    "TOXICITY": ("TOXICITY@6", "toxic"),
    "SEVERE_TOXICITY": ("SEVERE_TOXICITY@2", "severe_toxic"),
    "PROFANITY": ("PROFANITY", "obscene"),
    "THREAT": ("THREAT", "threat"),
    "INSULT": ("INSULT", "insult"),
    "IDENTITY_ATTACK": ("IDENTITY_ATTACK", "identity_hate"),
}
THRESHOLDS = [0.5, 0.7, 0.8, 0.9]
TRAINED_ON = ["jigsaw/train_extra.csv.xz", "jigsaw/train_rows_00000-09999.csv.xz", "wiki-context/gc.csv.xz"]


def plain(text: str) -> str:
    return " ".join(text.split()).lower()


def unseen(sample: Path, data: Path) -> list[dict]:
    """The rows of the sample that no model was trained or evaluated on."""
    ids, texts = set(), set()
    for name in TRAINED_ON:
        with lzma.open(data / name, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                ids.add(row.get("id"))
                texts.add(plain(row.get("comment_text") or row.get("text") or ""))
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["id"] not in ids and plain(row["comment_text"]) not in texts]


def labels(url: str, text: str, model: str) -> dict:
    body = json.dumps({"text": text, "model": model}).encode()
    request = urllib.request.Request(url + "/analyze", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["labels"]


def agreement(rows: list[dict], found: dict):
    """How well each score of ours finds what Perspective scores at half or more, and how alike both rank all comments."""
    print("| attribute | Perspective flags | " + " | ".join(f"`{model}`: ROC-AUC, rank" for model in MODELS) + " |")
    print("|---|---|" + "---|" * len(MODELS))
    for attribute, (column, label) in ATTRIBUTES.items():
        theirs = [float(row[column]) for row in rows]
        flagged, cells = [score >= 0.5 for score in theirs], []
        for model in MODELS:
            ours = [one[label] for one in found[model]]
            cells.append(f"{roc_auc_score(flagged, ours):.3f}, {spearmanr(theirs, ours).statistic:.2f}")
        print(f"| `{attribute}` | {sum(flagged)} | " + " | ".join(cells) + " |")


def thresholds(rows: list[dict], found: dict):
    """For each of Perspective's thresholds the one of ours that flags as many, and what both flag of what either does."""
    theirs = np.array([float(row["TOXICITY@6"]) for row in rows])
    print("\n| Perspective's | flags | " + " | ".join(f"`{model}`: ours, both of either" for model in MODELS) + " |")
    print("|---|---|" + "---|" * len(MODELS))
    for threshold in THRESHOLDS:
        flagged = theirs >= threshold
        cells = []
        for model in MODELS:
            ours = np.array([one["toxic"] for one in found[model]])
            same = np.sort(ours)[-int(flagged.sum())]
            both, either = (flagged & (ours >= same)).sum(), (flagged | (ours >= same)).sum()
            cells.append(f"{same:.2f}, {both / either:.0%}")
        print(f"| {threshold} | {flagged.mean():.1%} | " + " | ".join(cells) + " |")


def main(sample: str, data: str, url: str):
    rows = unseen(Path(sample), Path(data))
    print(f"{len(rows)} comments\n")
    found = {model: [labels(url, row["comment_text"], model) for row in rows] for model in MODELS}
    agreement(rows, found)
    thresholds(rows, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
