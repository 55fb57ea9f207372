"""The blend of the encoder with `simple`."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

from corpus import rows
from corpus.rows import LABELS, Rows
from evaluation import blend, calibration, metrics, predictions
from settings import Settings


class Blends(unittest.TestCase):
    """The blend of the encoder with `simple`."""

    KNOBS = {"labels": LABELS, "most": {}, "c": 1.0}

    def setUp(self):
        random = np.random.default_rng(4)
        truth = random.normal(0, 2, (600, 6))
        self.labels = (random.random((600, 6)) < predictions.sigmoid(truth)).astype(np.float32)
        self.encoder, self.simple = (truth + random.normal(0, 1, truth.shape) for _ in range(2))
        self.parts = np.array([f"fold {at % 3}" for at in range(600)], dtype=object)
        self.same = np.array([[1.0] * 6, [0.0] * 6])

    def test_no_label_of_a_fold_has_a_part_in_that_folds_blend(self):
        made = lambda labels: blend.cross_fitted(self.encoder, self.simple, labels, self.parts, self.KNOBS)
        inside, changed = self.parts == "fold 1", self.labels.copy()
        changed[inside] = 1 - changed[inside]
        before, after = (made(labels) for labels in (self.labels, changed))
        of = lambda folds: blend.blended(folds["fold 0"], folds, self.encoder, self.simple, self.parts)
        np.testing.assert_array_equal(of(before)[inside], of(after)[inside])
        self.assertTrue((of(before)[~inside] != of(after)[~inside]).all())

    def test_two_views_together_rank_better_than_either(self):
        found = blend.fit(self.encoder, self.simple, self.labels, self.same, self.KNOBS)
        auc = lambda scores: metrics.per_label(scores, self.labels)["mean_roc_auc"]
        self.assertGreater(auc(found.logits(self.encoder, self.simple)), max(auc(self.encoder), auc(self.simple)) + 0.01)

    def test_no_coefficient_is_negative_and_labels_that_do_not_blend_have_no_share(self):
        knobs = self.KNOBS | {"labels": ["toxic", "insult"]}
        found = blend.fit(self.encoder, self.simple, self.labels, self.same, knobs)
        self.assertEqual((found.shares > 0).tolist(), [True, False, False, False, True, False])
        bounded = blend.fit(self.encoder, self.simple, self.labels, self.same, self.KNOBS | {"most": {"threat": 0.1}})
        np.testing.assert_allclose(bounded.shares[3], 0.1 * bounded.slopes[3])
        against = blend.fit(self.encoder, -self.simple, self.labels, self.same, self.KNOBS)
        alone = blend.fit(self.encoder, self.simple, self.labels, self.same, self.KNOBS | {"labels": []})
        np.testing.assert_array_equal(against.shares, np.zeros(6))
        np.testing.assert_array_equal(against.slopes, alone.slopes)
        neither = blend.fit(-self.encoder, -self.simple, self.labels, self.same, self.KNOBS)
        np.testing.assert_allclose(predictions.sigmoid(neither.intercepts), self.labels.mean(axis=0), atol=1e-6)
        np.testing.assert_array_equal([neither.slopes, neither.shares], np.zeros((2, 6)))

    def test_probabilities_of_bert_are_the_formula_on_what_is_exported_and_are_calibrated_once(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), None, smoke=True)
            rows.write(settings.rows("natural"), Rows(["a"] * 600, self.labels, list(self.parts)))
            rows.write(settings.rows("other"), Rows(["a"] * 600, self.labels))
            for name in ("natural", "other"):
                predictions.write(settings, "simple", name, self.simple * 3 - 1)
                predictions.write(settings, "encoder", name, np.where(np.arange(600)[:, None] < 9, np.nan, self.encoder))
            predictions.write(settings, "encoder", "natural", self.encoder)
            calibration.run(settings, "simple")
            blend.run(settings)
            stored = json.loads(settings.calibration("blend").read_text())
            found = predictions.probabilities(settings, "bert", "other")
            simple = np.clip(predictions.probabilities(settings, "simple", "other"), 1e-7, 1 - 1e-7)
        self.assertTrue(np.isnan(found[:9]).all())
        logits = self.encoder * stored["slopes"] + stored["intercepts"]
        logits += stored["shares"] * np.log(simple / (1 - simple))
        np.testing.assert_allclose(found[9:], 1 / (1 + np.exp(-logits[9:])), atol=1e-6)
