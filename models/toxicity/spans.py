"""Explanations against people: how well the spans of `tamis explain` match those that annotators marked as toxic.

    python models/toxicity/spans.py --data DIR --tamis target/release/tamis [--model bert] [--train-posts 1000]

`DIR` holds the toxic spans of SemEval 2021 task 5 as `toxic-spans/tsd_train.csv.xz` and `toxic-spans/tsd_trial.csv.xz`. The
metric is the task's: per post, F1 over character offsets; a post without marked characters gives 1 for no prediction and
else 0; the mean over posts. What there is to choose is chosen on the training posts (the least weight of a span, and its
least share of the post's heaviest); the trial posts are the measure. Baselines: every character, and the words that annotators of the training posts marked in
more than half of their occurrences.
"""

import argparse
import ast
import itertools
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

TRAIN = "toxic-spans/tsd_train.csv.xz"
TRIAL = "toxic-spans/tsd_trial.csv.xz"
WORD = re.compile(r"[\w*$@']+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="directory that holds the data files")
    parser.add_argument("--tamis", type=Path, required=True, help="the daemon's binary")
    parser.add_argument("--model", default="simple", help="which model explains: simple or bert")
    parser.add_argument("--train-posts", type=int, help="choose on the first so many training posts; default: on all")
    parser.add_argument("--model-dir", type=Path, help="explain the model there instead of the embedded one")
    arguments = parser.parse_args()
    command = [arguments.tamis.resolve(strict=True), "explain", "--model", arguments.model]
    if arguments.model_dir:
        command += ["--model-dir", arguments.model_dir]
    train, trial = (posts(arguments.data / name) for name in (TRAIN, TRIAL))
    train = train[: arguments.train_posts]
    explained = {id(part): explain(command, [text for text, _ in part]) for part in (train, trial)}

    def score(part: list, least: float, share: float) -> float:
        spans = explained[id(part)]
        return mean_f1([(marked(row, text, least, share), gold) for row, (text, gold) in zip(spans, part, strict=True)])

    grid = itertools.product(np.arange(1, 13) / 10, np.arange(0, 10) / 10)
    least, share = max(grid, key=lambda chosen: score(train, *chosen))
    lexicon = learn(train)
    report = {
        "posts": {"train": len(train), "trial": len(trial)},
        "least_weight": float(least),
        "least_share_of_the_heaviest": float(share),
        "f1": {"train": round(score(train, least, share), 4), "trial": round(score(trial, least, share), 4)},
        "f1_trial_baselines": {
            "every_character": round(mean_f1([(set(range(len(text))), gold) for text, gold in trial]), 4),
            "nothing": round(mean_f1([(set(), gold) for _, gold in trial]), 4),
            "lexicon_of_training_posts": round(mean_f1([(looked_up(text, lexicon), gold) for text, gold in trial]), 4),
        },
    }
    print(json.dumps(report, indent=2))


def posts(file: Path) -> list[tuple[str, set[int]]]:
    """Texts with the offsets, in code points, that annotators marked."""
    frame = pd.read_csv(file)
    return [(text, set(ast.literal_eval(spans))) for text, spans in zip(frame.text, frame.spans, strict=True)]


def explain(command: list, texts: list[str]) -> list[list[dict]]:
    """The spans of each text."""
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    output = subprocess.run(command, input=lines, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line)["spans"] for line in output.splitlines()]


def marked(spans: list[dict], text: str, least: float, share: float) -> set[int]:
    """The offsets of the spans that weigh enough, and the white space between two of them."""
    enough = max([least, *(share * span["weight"] for span in spans)])
    found = {at for span in spans if span["weight"] >= enough for at in range(span["start"], span["end"])}
    for gap in re.finditer(r"\s+", text):
        if gap.start() - 1 in found and gap.end() in found:
            found.update(range(gap.start(), gap.end()))
    return found


def mean_f1(pairs: list[tuple[set[int], set[int]]]) -> float:
    """The task's metric over (prediction, truth)."""
    return float(np.mean([f1(predicted, gold) for predicted, gold in pairs]))


def f1(predicted: set[int], gold: set[int]) -> float:
    if not gold or not predicted:
        return float(not gold and not predicted)
    return 2 * len(predicted & gold) / (len(predicted) + len(gold))


def learn(part: list[tuple[str, set[int]]]) -> set[str]:
    """The words of which more than half of the occurrences are marked."""
    seen, toxic = Counter(), Counter()
    for text, gold in part:
        for word in WORD.finditer(text):
            seen[word.group().lower()] += 1
            toxic[word.group().lower()] += gold.issuperset(range(word.start(), word.end()))
    return {word for word, count in toxic.items() if count > seen[word] / 2}


def looked_up(text: str, lexicon: set[str]) -> set[int]:
    return {at for word in WORD.finditer(text) if word.group().lower() in lexicon for at in range(*word.span())}


if __name__ == "__main__":
    main()
