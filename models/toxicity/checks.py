"""What holds for the pipeline whatever it is fed: `python models/toxicity/checks.py`. Needs no data and no binary."""

import importlib.util
import re
import tempfile
import tomllib
import unittest
from pathlib import Path

import numpy as np
import yaml
from sklearn.metrics import roc_auc_score

import manifest
import pipeline
from bert import weights
from bert.graph import graph
from corpus import clean, mixture, obfuscation, rows
from corpus.rows import LABELS, Rows
from evaluation import band, bias, calibration, metrics, tables
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
        found = bias.figures(texts, scores, positive)["terms"]
        self.assertEqual(set(found), {"sikh", "deaf"})
        self.assertEqual(found["sikh"], {"subgroup_auc": 1.0, "bpsn_auc": 0.0, "bnsp_auc": 1.0})
        self.assertEqual(found["deaf"], {"subgroup_auc": 1.0, "bpsn_auc": 1.0, "bnsp_auc": 0.0})

    def test_the_band_lies_where_only_bert_is_right_and_keeps_to_its_budget(self):
        labels = np.repeat([[0.0] * 6, [1.0] * 6], 500, axis=0)
        simple = np.repeat(np.linspace(0, 1, 1000)[:, None], 6, axis=1)
        simple[450:550] = simple[450:550][::-1]
        bert = np.repeat(np.where(labels[:, :1] > 0, 0.9, 0.1), 6, axis=1)
        low, high = band.choose(simple, bert, labels, 0.12)
        self.assertLessEqual(band.unsure(simple, low, high).mean(), 0.12)
        self.assertLess(metrics.roc_auc(simple[:, 0], labels[:, 0]), 1)
        self.assertEqual(metrics.roc_auc(band.mix(simple, bert, low, high)[:, 0], labels[:, 0]), 1)


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

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_training_that_was_cut_off_ends_with_the_same_weights(self):
        import torch

        from bert import batches, encoder, finetune

        knobs = Settings(Path("."), None, smoke=True)["bert"] | {"checkpoint_seconds": 1e9, "batch": 2}
        random = np.random.default_rng(0)
        ids = [random.integers(0, 90, 3 + at % 4) for at in range(16)]
        split = [np.array([at, at + 8]) for at in range(8)]
        counts = np.array([max(len(ids[at]) for at in rows) * 2 for rows in split])
        data = batches.Batches(
            ids,
            np.eye(16, 6, dtype=np.float32),
            np.ones((16, 6), np.float32),
            split,
            counts,
            np.cumsum(counts) / counts.sum(),
        )

        def fresh():
            torch.manual_seed(1)
            net = encoder.Encoder(vocabulary=100, layers=1, width=64, inner=128).train()
            return finetune.Training(knobs, net, data, torch.device("cpu"))

        with tempfile.TemporaryDirectory() as directory:
            none, path = Path(directory) / "none.pt", Path(directory) / "half.pt"
            whole = fresh()
            whole.run(none)
            half = fresh()
            half.data = batches.Batches(**{**vars(data), "rows": split[:3]})
            half.run(none)
            half.save(path)
            torch.manual_seed(99)
            rest = fresh()
            torch.manual_seed(99)
            rest.run(path)
        self.assertEqual(rest.step, len(split))
        for (name, expected), (_, found) in zip(whole.net.arrays().items(), rest.net.arrays().items(), strict=True):
            np.testing.assert_array_equal(found, expected, name)

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


def _torch_logits(arrays: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    import torch

    from bert.encoder import Encoder

    net = Encoder(vocabulary=500, layers=1, width=64, inner=128).load(arrays).eval()
    with torch.no_grad():
        return net(torch.from_numpy(ids)[None], torch.tensor([len(ids)]))[0].double().numpy()


if __name__ == "__main__":
    unittest.main()
