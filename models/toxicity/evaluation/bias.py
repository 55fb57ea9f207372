"""Unintended bias by identity term (Borkan et al. 2019, Nuanced Metrics for Measuring Unintended Bias)."""

import re

import numpy as np

from evaluation.metrics import roc_auc

# Identity terms of the template set (Dixon et al. 2018), in the spelling of its sentences.
TERMS = """
african, african american, american, asian, bisexual, black, blind, buddhist, canadian, catholic, chinese, christian, deaf,
elderly, european, female, gay, heterosexual, hispanic, homosexual, indian, japanese, jewish, latina, latino, latinx,
lesbian, lgbt, lgbtq, male, mexican, middle aged, middle eastern, millenial, muslim, nonbinary, old, older, paralyzed,
protestant, queer, sikh, straight, taoist, teenage, trans, transgender, white, young, younger
""".replace("\n", " ").split(",")
POWER = -5.0
LEAST = 10


def figures(texts: list[str], scores: np.ndarray, positive: np.ndarray, high: float) -> dict:
    """For every term that stands in enough rows of both classes: how well toxic and other rows are told apart

    - `subgroup_auc`: among rows that name it,
    - `bpsn_auc`: other rows that name it against toxic rows that do not (low: harmless mentions score too high),
    - `bnsp_auc`: toxic rows that name it against other rows that do not (low: attacks score too low),

    with each measure's worst term and generalised mean of power -5; and `false_high`, the share of the other rows that
    name it with a score of `high` or more.
    """
    terms = {}
    lowered = [text.casefold() for text in texts]
    for term in (term.strip() for term in TERMS):
        pattern = re.compile(rf"\b{re.escape(term)}\b")
        named = np.array([bool(pattern.search(text)) for text in lowered])
        if min((named & positive).sum(), (named & ~positive).sum()) >= LEAST:
            terms[term] = {
                name: round(roc_auc(scores[rows], positive[rows]), 4)
                for name, rows in (
                    ("subgroup_auc", named),
                    ("bpsn_auc", (named & ~positive) | (~named & positive)),
                    ("bnsp_auc", (named & positive) | (~named & ~positive)),
                )
            }
            terms[term]["false_high"] = round(float((scores[named & ~positive] >= high).mean()), 4)
    summary = {name: summarised({term: found[name] for term, found in terms.items()}) for name in MEASURES if terms}
    return {"roc_auc": round(roc_auc(scores, positive), 4), **summary, "terms": terms}


def summarised(values: dict[str, float]) -> dict:
    """The generalised mean of power -5, and the least value with its term."""
    numbers = np.maximum(list(values.values()), 1e-4)
    worst = min(values, key=values.get)
    return {
        "generalised_mean": round(float(np.mean(numbers**POWER) ** (1 / POWER)), 4),
        "worst": values[worst],
        "worst_term": worst,
    }


MEASURES = ("subgroup_auc", "bpsn_auc", "bnsp_auc")
