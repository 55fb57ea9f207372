"""Graph, manifest and card; training that was cut off."""

import importlib.util
import re
import tempfile
import tomllib
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import manifest
from bert import weights
from bert.graph import graph
from corpus import rows
from corpus.rows import Rows
from evaluation import tables
from runtime import Reference
from settings import HERE, Settings

PROJECT = HERE.parent.parent


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
