"""What holds for the pipeline whatever it is fed: `python models/toxicity/checks.py`. Needs no data and no binary."""

import importlib.util
import json
import re
import tempfile
import tomllib
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import yaml
from sklearn.metrics import roc_auc_score

import manifest
import pipeline
from bert import weights
from bert.graph import graph
from corpus import clean, mixture, obfuscation, rows, written
from corpus.rows import LABELS, Rows
from evaluation import band, bias, blend, calibration, evaluate, metrics, predictions, tables
from runtime import Reference
from settings import HERE, Settings

PROJECT = HERE.parent.parent


class Stages(unittest.TestCase):
    """`dvc.yaml` and the pipeline's own list are the same graph."""

    def setUp(self):
        self.document = yaml.safe_load((HERE / "dvc.yaml").read_text())
        self.stages = self.document["stages"]
        self.outs = {}
        for name, stage in self.stages.items():
            for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
                path = out if isinstance(out, str) else next(iter(out))
                self.assertNotIn(path, self.outs, "two stages write the same file")
                self.outs[path] = name

    def test_every_stage_is_one_of_the_pipeline_in_its_order(self):
        self.assertEqual(list(self.stages), list(pipeline.STAGES))
        for name, stage in self.stages.items():
            self.assertEqual(stage["cmd"], f"${{run}} {name}")
            module, function, *_ = pipeline.STAGES[name]
            self.assertTrue(hasattr(importlib.import_module(module), function), name)

    def test_every_dependency_is_in_the_tree_or_made_by_an_earlier_stage(self):
        order = list(self.stages)
        for name, stage in self.stages.items():
            for dep in stage.get("deps", []):
                if dep.startswith("work/"):
                    makers = [maker for out, maker in self.outs.items() if dep == out or dep.startswith(out + "/")]
                    self.assertTrue(makers, f"nothing makes {dep}, which {name} reads")
                    self.assertTrue(all(order.index(maker) < order.index(name) for maker in makers), dep)
                else:
                    self.assertTrue((HERE / dep).exists(), f"{name} reads {dep}, which is not there")

    def test_every_parameter_is_in_params_yaml(self):
        values = yaml.safe_load((HERE / "params.yaml").read_text())
        for stage in self.stages.values():
            for dotted in stage.get("params", []):
                found = values
                for part in dotted.split("."):
                    self.assertIn(part, found, dotted)
                    found = found[part]

    def test_the_smoke_settings_change_settings_that_exist(self):
        values = yaml.safe_load((HERE / "params.yaml").read_text())
        for section, small in values["smoke_settings"].items():
            self.assertLessEqual(set(small), set(values[section]), section)

    def test_what_the_stages_write_is_not_committed(self):
        self.assertIn("/work/", (HERE / ".gitignore").read_text().split())
        self.assertTrue(all(out.startswith("work/") for out in self.outs))


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
        for natural, official in tables.KNOWN.values():
            self.assertAlmostEqual(tables.extrapolated(natural), official, places=12)
        self.assertAlmostEqual(tables.extrapolated(0.98885), (0.9774 + 0.9852) / 2, places=6)

    def test_every_model_tried_says_where_its_figure_is_from(self):
        tried = evaluate.experiments({})
        self.assertEqual([row["origin"] for row in tried][:1], ["experiments.csv, line 2"])
        name = tried[0]["name"]
        again = evaluate.experiments({name: {"natural": {"mean_roc_auc": 0.5}}})[0]
        self.assertEqual((again["mean_roc_auc"], again["origin"]), ("0.5", f"predictions of `{name}`"))
        self.assertNotEqual(tried[0]["mean_roc_auc"], "0.5")


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


class Corpus(unittest.TestCase):
    """Cleaning, obfuscation and mixtures."""

    def test_training_rows_that_repeat_judged_rows_are_dropped_and_judged_rows_are_not(self):
        labels = lambda count: np.zeros((count, 6))
        sets = {
            "natural": Rows(["One row", "one  ROW"], labels(2), group=["x", "y"]),
            "extra": Rows(["ONE row", "other", "Other", "third", "held"], labels(5), group=["a", "b", "c", "y", "e"]),
            "judged": Rows(["held", "held"], labels(2), part=["held_out", "held_out"]),
        }
        kept, dropped = clean.clean(sets)
        self.assertEqual(kept["extra"].texts, ["other"])
        self.assertEqual(dropped, {"natural": 0, "extra": 4, "judged": 0})

    def test_rows_survive_their_file_with_what_is_not_known(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "a.jsonl"
            wrote = Rows(["a\n\u2028b", "\U0001f642"], [[1, 0, np.nan, 0, 1, 0], [np.nan] * 6], ["train", "fold 0"])
            rows.write(path, wrote)
            found = rows.read(path)
        self.assertEqual((found.texts, found.part), (wrote.texts, wrote.part))
        np.testing.assert_array_equal(found.labels, wrote.labels)

    def test_each_rule_changes_the_marked_words_alone_and_the_same_way_twice(self):
        text = "a silly Silly thing, sillyish"
        for rule in obfuscation.RULES:
            made = obfuscation.apply(rule, text, {"silly"}, 5)
            self.assertEqual(made, obfuscation.apply(rule, text, {"silly"}, 5))
            self.assertTrue(made.startswith("a ") and made.endswith(" thing, sillyish"), rule)
            self.assertNotRegex(made.casefold(), r"\bsilly\b", rule)

    def test_a_mixture_repeats_rows_by_pass_and_gives_no_weight_to_what_is_not_known(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), None, smoke=True)
            known = [[1, np.nan, 0, np.nan, np.nan, 1], [0] * 6, [1] * 6]
            rows.write(settings.rows("s"), Rows(["a", "b", "c"], known, ["train", "train", "held_out"]))
            entry = {"set": "s", "epochs": [0, 1], "weight": {"toxic": 0.5, "obscene": 1.0}}
            (share,) = mixture.assemble(settings, [entry, {"set": "absent", "weight": 1}])
        self.assertEqual((share.at.tolist(), share.epoch.tolist()), ([0, 1, 0, 1], [0, 0, 1, 1]))
        self.assertEqual(share.weights[0].tolist(), [0.5, 0, 1, 0, 0, 0])
        self.assertFalse(np.isnan(share.labels).any())

    def test_a_mixture_draws_shares_that_no_two_passes_have_in_common_and_keeps_to_a_kind(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), None, smoke=True)
            kind = ["raw", "cleaned"] * 500
            rows.write(settings.rows("s"), Rows(["a"] * 1000, np.zeros((1000, 6)), kind=kind))
            entries = [
                {"set": "s", "epochs": [0, 1], "share": 0.3, "weight": 1},
                {"set": "s", "epochs": [0, 1, 1], "kind": "raw", "weight": 1},
            ]
            drawn, raw = mixture.assemble(settings, entries)
            with self.assertRaises(ValueError):
                mixture.assemble(settings, [{"set": "s", "epochs": [0, 1], "share": 0.6, "weight": 1}])
        first, second = (set(drawn.at[drawn.epoch == number].tolist()) for number in (0, 1))
        self.assertFalse(first & second)
        for found in (first, second):
            self.assertTrue(250 < len(found) < 350)
        self.assertEqual(np.bincount(raw.epoch).tolist(), [500, 1000])
        self.assertTrue((raw.at % 2 == 0).all())

    def test_a_training_without_some_folds_sees_all_other_natural_rows_and_every_fold_is_judged_once(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), None, smoke=True)
            parts = [f"fold {at % 5}" for at in range(20)]
            rows.write(settings.rows("natural"), Rows(["a"] * 20, np.zeros((20, 6)), parts))
            entries = [{"set": "natural", "weight": 1}]
            (ships,) = mixture.assemble(settings, entries)
            seen = [
                set(mixture.assemble(settings, entries, without=fit.without)[0].at.tolist())
                for fit in weights.cross_fits(settings)
            ]
        self.assertEqual(ships.at.tolist(), list(range(20)))
        self.assertEqual([at for at in range(20) if sum(at not in rows for rows in seen) == 1], list(range(20)))

    def test_every_group_stands_in_harmless_and_in_hateful_sentences_alike(self):
        found = written.rows(7)
        self.assertEqual(found.texts, written.rows(7).texts)
        wrong = {"en": r"[{}]|\ba [aio]|\ban [^aeiouh]", "fr": r"[{}]|[sx]s\b"}
        for text, kind in zip(found.texts, found.kind, strict=True):
            self.assertIsNone(re.search(wrong[kind[-2:]], text.lower()), text)
        for language in written.FILLINGS:
            for line in (written.FOLDER / f"groups.{language}.txt").read_text(encoding="utf-8").splitlines():
                for form in (form.strip() for form in line.split("|")):
                    told = {
                        kind
                        for text, kind in zip(found.texts, found.kind, strict=True)
                        if re.search(rf"\b{form}\b", text.lower())
                    }
                    self.assertLessEqual({f"harmless.{language}", f"hateful.{language}"}, told, form)
        harmless = np.array([kind.startswith(("harmless", "everyday")) for kind in found.kind])
        self.assertTrue((found.labels[harmless] == 0).all())
        self.assertTrue((found.labels[~harmless, rows.TOXIC] == 1).all())

    def test_the_auxiliary_label_is_known_where_the_six_say_so(self):
        known = [[0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1], [1, 0, 1, 0, 0, 0], [0, np.nan, np.nan, np.nan, np.nan, np.nan]]
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(Path(directory), None, smoke=True)
            rows.write(settings.rows("s"), Rows(["a"] * 4, known))
            entry = {"set": "s", "weight": {"toxic": 0.3}, "hate": 0.7}
            (seven,), (six,) = (mixture.assemble(settings, [entry], count) for count in (7, 6))
        np.testing.assert_array_equal(seven.weights[:, 6], np.array([0.7, 0.7, 0, 0.7], np.float32))
        self.assertEqual(seven.labels[[0, 1, 3], 6].tolist(), [0, 1, 0])
        self.assertEqual(six.labels.shape, (4, 6))


class Exports(unittest.TestCase):
    """Graph, manifest, card."""

    def test_the_graph_quantizes_the_network_and_its_contributions_sum_to_its_logits(self):
        settings = Settings(Path("."), None, smoke=True)
        arrays = weights.random(settings, vocabulary=500)
        slopes, intercepts = np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6)
        model = graph(arrays, slopes, intercepts, 48)
        self.assertEqual(model, graph(arrays, slopes, intercepts, 48))
        reference = Reference(model)
        bias = arrays["head.bias"] * slopes + intercepts
        for length in (2, 17, 48):
            ids = np.arange(length) * 7 % 500
            logits = reference.contributions(ids).sum(axis=0) + bias
            np.testing.assert_allclose(reference.probabilities(ids), 1 / (1 + np.exp(-logits)), atol=1e-6)
            if importlib.util.find_spec("torch"):
                np.testing.assert_allclose(logits, slopes * _torch_logits(arrays, ids) + intercepts, atol=0.05)

    def test_folding_the_auxiliary_label_adds_its_logits_to_those_of_the_labels_named(self):
        settings = Settings(Path("."), None, smoke=True)
        seven = weights.random(settings, vocabulary=500, labels=7)
        six = weights.folded(seven, {"toxic": 0.3, "identity_hate": -0.5})
        self.assertIs(weights.folded(six, {"toxic": 9.0}), six)

        def logits(arrays):
            count = len(arrays["head.bias"])
            reference = Reference(graph(arrays, np.ones(count), np.zeros(count), 48))
            return reference.contributions(np.arange(17) * 7 % 500).sum(axis=0) + arrays["head.bias"]

        seven["head.bias"][:] = np.arange(7)
        six["head.bias"] = weights.folded(seven, {"toxic": 0.3, "identity_hate": -0.5})["head.bias"]
        own, hate = np.split(logits(seven), [6])
        np.testing.assert_allclose(logits(six), own + np.array([0.3, 0, 0, 0, 0, -0.5]) * hate, atol=1e-5)
        widened = weights.widened(six, 7)
        np.testing.assert_array_equal(widened["head.weight"], six["head.weight"][[0, 1, 2, 3, 4, 5, 5]])

    def test_a_phase_may_go_part_of_its_way(self):
        settings = Settings(Path("."), None, smoke=True)
        before, after = (weights.random(settings, vocabulary=9, labels=labels) for labels in (6, 7))
        after["pos"] = before["pos"] + 4
        found = weights.towards(before, after, 0.75)
        np.testing.assert_allclose(found["pos"], before["pos"] + 3, rtol=1e-6)
        expected = 0.25 * weights.widened(before, 7)["head.weight"] + 0.75 * after["head.weight"]
        np.testing.assert_allclose(found["head.weight"], expected, rtol=1e-5, atol=1e-7)
        self.assertIs(weights.towards(None, after, 0.5), after)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_training_that_was_cut_off_in_any_phase_ends_with_the_same_weights(self):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            whole, done = _train(Path(first), cuts=[])
            self.assertEqual(done, [10])
            # In phase 1 (six batches) after two of them, then in phase 2 (four) after one.
            pieced, done = _train(Path(second), cuts=[2, 5])
        self.assertEqual(done, [2, 5, 3])
        self.assertEqual(len(whole["head.bias"]), 7)
        for name, expected in whole.items():
            np.testing.assert_array_equal(pieced[name], expected, name)

    def test_toml_reads_back_as_it_was(self):
        table = {
            "a": 1,
            "b": [1.5, 'x\n"y"'],
            "mixture": [{"set": "s", "weight": {"toxic": 0.5}}],
            "t": {"u": {"w.x/y": "é"}, "v": True},
            "deep": {"only": {"tables": {"z": 0.1}}},
        }
        self.assertEqual(tomllib.loads(manifest.toml(table)), table)

    def test_the_cards_generated_parts_name_tables_that_exist(self):
        names = re.findall(r"<!-- figures: (\w+)", (HERE / "README.md").read_text())
        self.assertTrue(names)
        self.assertLessEqual(set(names), set(tables.TABLES))
        self.assertEqual((HERE / "README.md").read_text().count("<!-- /figures -->"), len(names))

    def test_every_package_that_continuous_integration_pins_has_the_pipelines_version(self):
        pins = lambda path: dict(line.split("==") for line in path.read_text().splitlines() if "==" in line)
        ours, judges = pins(HERE / "requirements.txt"), pins(PROJECT / "tests/judges/requirements.txt")
        frozen = {name.lower(): pin for name, pin in pins(HERE / "constraints.txt").items()}
        self.assertLessEqual({name: ours[name] for name in ours.keys() & judges.keys()}.items(), judges.items())
        self.assertLessEqual(ours.items(), frozen.items())


def _train(directory: Path, cuts: list[int]) -> tuple[dict[str, np.ndarray], list[int]]:
    """The weights of a tiny training in two phases, which breaks off after so many batches, time and again; and how many
    batches each run did."""
    from bert import finetune, pieces

    random = np.random.default_rng(0)
    settings = Settings(directory, None, smoke=True)
    twice = [{"set": "s", "epochs": [0, 1], "weight": 1}]
    by_kind = [{"set": "s", "kind": "raw", "weight": 1}, {"set": "s", "weight": 1, "hate": 1}]
    settings.values["bert"] |= {
        "checkpoint_seconds": -1,
        "batch": 4,
        "phases": [
            {"learning_rate": 1e-3, "head_factor": 3, "labels": 6, "step": 1.0, "mixture": twice},
            {"learning_rate": 1e-3, "head_factor": 2, "labels": 7, "step": 0.6, "mixture": by_kind},
        ],
    }
    labels = random.integers(0, 2, (12, 6))
    rows.write(settings.rows("s"), Rows([f"row {at}" for at in range(12)], labels, kind=["raw"] * 4 + [""] * 8))
    pieces.write(settings.pieces("s"), [random.integers(200, 900, 3 + at % 4) for at in range(12)])
    batch, done = finetune.Training.batch, []

    def breaking(most: float):
        done.append(0)

        def step(training, at):
            if done[-1] == most:
                raise KeyboardInterrupt
            done[-1] += 1
            return batch(training, at)

        return mock.patch.object(finetune.Training, "batch", step)

    for cut in cuts:
        with breaking(cut), unittest.TestCase().assertRaises(KeyboardInterrupt):
            finetune.run(settings)
    with breaking(float("inf")):
        finetune.run(settings)
    with np.load(weights.path(settings)) as stored:
        return {name: stored[name] for name in stored.files}, done


def _torch_logits(arrays: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    import torch

    from bert.encoder import Encoder

    net = Encoder(vocabulary=500, layers=1, width=64, inner=128).load(arrays).eval()
    with torch.no_grad():
        return net(torch.from_numpy(ids)[None], torch.tensor([len(ids)]))[0].double().numpy()


if __name__ == "__main__":
    unittest.main()
