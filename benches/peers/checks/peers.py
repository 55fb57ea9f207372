"""What the peers are asked and how their answers are judged; the parts of them that need nothing installed."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import answers
import loads
from common import HERE, ROOT

sys.path.append(str(HERE / "python"))
import hashed_ngrams  # noqa: E402, it lives beside the servers

IRIS = {
    "prediction": "versicolor",
    "class_id": 1,
    "confidence": 0.9,
    "probabilities": {"setosa": 0, "versicolor": 0.9, "virginica": 0.1},
}
VERDICT = {"score": 7, "labels": {label: at / 10 for at, label in enumerate(loads.LABELS)}}


class Answers(unittest.TestCase):
    def test_both_contracts_say_the_same_of_an_iris(self):
        open_inference = {"outputs": [{"name": "predict_proba", "shape": [1, 3], "data": [0.0, 0.9, 0.1]}]}
        for contract, answer in ((loads.Contract(), IRIS), (loads.OpenInference(), open_inference)):
            self.assertEqual(contract.numbers([1.0] * 4, json.dumps(answer).encode()), [0, 0.9, 0.1])

    def test_a_class_that_is_not_its_number_is_refused(self):
        with self.assertRaises(ValueError):
            loads.Contract().numbers([1.0] * 4, json.dumps(IRIS | {"class_id": 2}).encode())

    def test_score_and_probabilities_of_a_text_are_read_in_order(self):
        found = loads.Contract().numbers("a text", json.dumps(VERDICT).encode())
        self.assertEqual(found, [7, 0, 0.1, 0.2, 0.3, 0.4, 0.5])

    def test_the_loads_are_the_floors(self):
        floor = (ROOT / "benches/floor.rs").read_text()
        for load in loads.LOADS:
            self.assertIn(loads.Contract().request(load.asked)[1], floor, load.name)

    def test_a_difference_is_seen_and_rounding_is_none(self):
        text, expected = "a text", [7.0, 0.1, 0.2]
        self.assertIsNone(answers.differences(text, expected, [7.0, 0.100004, 0.2], True))
        self.assertIn("where tamis says", answers.differences(text, expected, [7.0, 0.1001, 0.2], True))
        self.assertIn("2 numbers", answers.differences(text, expected, [7.0, 0.1], True))
        self.assertIsNone(answers.differences(text, expected, [90.0, 0.9, 0.9], False))
        self.assertIn("no probabilities", answers.differences(text, expected, [90.0, 1.9, 0.9], False))

    def test_plain_texts_are_those_without_obfuscation(self):
        for text in ("Is this a friendly test, in 2024?", loads.TEXT_100[:20]):
            self.assertTrue(answers.plain(text), text)
        for text in ("", "so goood", "f r e e", "l33t", "see http://a", "caf\u00e9", "a@b"):
            self.assertFalse(answers.plain(text), text)

    def test_golden_rows_and_loads_are_asked(self):
        asked = answers.questions()
        self.assertGreaterEqual(sum(not isinstance(one, str) for one in asked), 100)
        self.assertIn(loads.TEXT_400, asked)


class Peers(unittest.TestCase):
    def test_hashed_ngrams_of_plain_texts_are_the_golden_ids(self):
        rows = json.loads((ROOT / "models/toxicity/simple.golden.json").read_text())["rows"]
        plain = [row for row in rows if answers.plain(row.get("text", ""))]
        self.assertGreaterEqual(len(plain), answers.FEWEST_TEXTS)
        for row in plain:
            self.assertEqual(sorted(hashed_ngrams.ids(row["text"])), sorted(row["ids"]))

    def test_the_forest_as_onnx_answers_as_scikit_learn_does(self):
        import numpy
        import onnxruntime

        import forest_onnx

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "iris.onnx"
            forest_onnx.write(ROOT / "models/iris/forest.json", path)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        rows = json.loads((ROOT / "models/iris/golden.json").read_text())["rows"]
        features, classes, shares = zip(*rows)
        found, votes = session.run(None, {"features": numpy.array(features, numpy.float32)})
        self.assertEqual(found.tolist(), list(classes))
        self.assertEqual((votes / numpy.float64(100)).tolist(), list(map(list, shares)))

    def test_the_cut_points_are_the_manifests(self):
        import tomllib

        levels = tomllib.loads((ROOT / "models/toxicity/simple.toml").read_text())["levels"]
        bodies = (HERE / "python/bodies.py").read_text()
        self.assertIn(f"MEDIUM, HIGH = {levels['medium']}, {levels['high']}\n", bodies)
