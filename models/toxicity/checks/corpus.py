"""Cleaning, mixtures, obfuscation and the sentences of our own."""

import re
import tempfile
import unittest
from pathlib import Path

import numpy as np

from bert import weights
from corpus import clean, mixture, obfuscation, rows, written
from corpus.rows import Rows
from settings import Settings


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
