"""Metrics, calibration, bias, the band and the tables."""

import unittest

import numpy as np
from sklearn.metrics import roc_auc_score

from corpus.rows import LABELS
from evaluation import band, bias, calibration, drift, evaluate, metrics, official, tables, targets


class Measures(unittest.TestCase):
    """Measures against scikit-learn, or against what their definition says of a case done by hand."""

    def test_roc_auc_is_scikit_learns_with_ties_and_resampled(self):
        random = np.random.default_rng(1)
        scores, positive = random.integers(0, 20, 500).astype(float), random.random(500) < 0.3
        ranking = metrics.Ranking(scores, positive)
        self.assertAlmostEqual(ranking.roc_auc(), roc_auc_score(positive, scores), places=12)
        counts = random.integers(0, 4, 500)
        again = roc_auc_score(np.repeat(positive, counts), np.repeat(scores, counts))
        self.assertAlmostEqual(ranking.roc_auc(counts), again, places=12)

    def test_a_bootstrap_interval_surrounds_the_value(self):
        random = np.random.default_rng(2)
        labels = (random.random((400, 6)) < 0.3).astype(np.float32)
        scores = labels + random.normal(0, 1, labels.shape)
        found = metrics.bootstrap(scores, labels, 200, 0.95, 0)
        for at, label in enumerate(LABELS):
            low, high = found[label]
            self.assertTrue(low < metrics.roc_auc(scores[:, at], labels[:, at]) < high)
            self.assertLess(high - low, 0.2)

    def test_calibration_error_of_perfect_and_of_overconfident_probabilities(self):
        labels = np.array([1.0, 0, 0, 0] * 50)
        self.assertAlmostEqual(metrics.expected_calibration_error(np.full(200, 0.25), labels), 0)
        self.assertAlmostEqual(metrics.expected_calibration_error(np.full(200, 0.75), labels), 0.5)

    def test_cut_points_meet_their_recall_and_precision(self):
        random = np.random.default_rng(3)
        toxic = (random.random(5000) < 0.1).astype(float)
        score = np.clip(np.rint(toxic * 40 + random.normal(30, 15, 5000)), 0, 100)
        medium, high = calibration.cut_points(score, toxic, 0.9, 0.9)
        self.assertGreaterEqual(metrics.precision_recall(score, toxic, medium)["recall"], 0.9)
        self.assertLess(metrics.precision_recall(score, toxic, medium + 1)["recall"], 0.9)
        self.assertGreaterEqual(metrics.precision_recall(score, toxic, high)["precision"], 0.9)

    def test_a_target_is_met_or_says_what_was_tried(self):
        least = targets.Target("a", 0.9, lambda figures: 0.0)
        most = targets.Target("a", 0.01, lambda figures: 0.0, at_most=True)
        self.assertEqual([least.met(0.9), least.met(0.89)], [True, False])
        self.assertEqual([most.met(0.01), most.met(0.02)], [True, False])
        found = {"models": {"simple": {"natural": {"mean_roc_auc": 0.5}}}}
        [row] = [row for row in targets.rows(found) if "simple" in row[0]]
        self.assertEqual(row[1:4], ["at least 0.988", "0.5", "**missed**"])
        self.assertIn("distillation", row[4])

    def test_a_tenth_of_the_reference_lies_between_two_deciles(self):
        scores = np.random.default_rng(4).random(5000) ** 4
        found = drift.deciles(np.append(scores, np.nan))
        self.assertEqual(found, sorted(set(found)))
        self.assertTrue((np.bincount(np.searchsorted(found, scores), minlength=10) == 500).all())

    def test_bias_shows_for_the_term_that_scores_too_high_and_for_no_other(self):
        texts = [
            f"{name} people are {word}" for name in ("sikh", "deaf") for word in ("nice", "awful") for _ in range(20)
        ]
        positive = np.array(["awful" in text for text in texts])
        scores = positive * 0.5 + np.array(["sikh" in text for text in texts]) * 0.6
        found = bias.figures(texts, scores, positive, high=0.6)["terms"]
        self.assertEqual(set(found), {"sikh", "deaf"})
        self.assertEqual(found["sikh"], {"subgroup_auc": 1.0, "bpsn_auc": 0.0, "bnsp_auc": 1.0, "false_high": 1.0})
        self.assertEqual(found["deaf"], {"subgroup_auc": 1.0, "bpsn_auc": 1.0, "bnsp_auc": 0.0, "false_high": 0.0})

    def test_the_band_lies_where_only_bert_is_right_and_keeps_to_its_budget(self):
        labels = np.repeat([[0.0] * 6, [1.0] * 6], 500, axis=0)
        simple = np.repeat(np.linspace(0, 1, 1000)[:, None], 6, axis=1)
        simple[450:550] = simple[450:550][::-1]
        bert = np.repeat(np.where(labels[:, :1] > 0, 0.9, 0.1), 6, axis=1)
        low, high = band.choose(simple, bert, labels, np.full(1000, 9), 0.12)
        self.assertLessEqual(band.unsure(simple, low, high).mean(), 0.12)
        self.assertLess(metrics.roc_auc(simple[:, 0], labels[:, 0]), 1)
        self.assertEqual(metrics.roc_auc(band.mix(simple, bert, low, high)[:, 0], labels[:, 0]), 1)

    def test_the_budget_of_the_band_is_of_pieces_and_not_of_rows(self):
        labels = np.repeat([[0.0] * 6, [1.0] * 6], 500, axis=0)
        simple = np.repeat(np.linspace(0, 1, 1000)[:, None], 6, axis=1)
        bert = labels * 0.8 + 0.1
        read = np.where(np.arange(1000) < 500, 100, 2)
        simple[450:550] = simple[450:550][::-1]
        for most in (0.02, 0.05, 0.3):
            low, high = band.choose(simple, bert, labels, read, most)
            asked = band.unsure(simple, low, high)
            self.assertTrue(asked.any())
            self.assertLessEqual(read[asked].sum(), most * read.sum())
        # As many pieces hold far more of the short rows.
        self.assertGreater(asked.mean(), 0.3)

    def test_the_extrapolation_passes_through_the_known_models(self):
        for natural, known in official.KNOWN.values():
            self.assertAlmostEqual(official.extrapolated(natural), known, places=12)
        self.assertAlmostEqual(official.extrapolated(0.98885), (0.9774 + 0.9852) / 2, places=6)

    def test_every_model_tried_says_where_its_figure_is_from(self):
        tried = evaluate.experiments({})
        self.assertEqual([row["origin"] for row in tried][:1], ["experiments.csv, line 2"])
        name = tried[0]["name"]
        again = evaluate.experiments({name: {"natural": {"mean_roc_auc": 0.5}}})[0]
        self.assertEqual((again["mean_roc_auc"], again["origin"]), ("0.5", f"predictions of `{name}`"))
        self.assertNotEqual(tried[0]["mean_roc_auc"], "0.5")
