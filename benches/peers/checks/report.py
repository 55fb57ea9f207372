"""What is reported of several servers, and what is written."""

import tempfile
import unittest
from pathlib import Path

import figures
import report
from figures import Row
from harness.figures import Sample, medians
from loads import LOADS


def row(server: str, load: str, cpu: float, times: float) -> Row:
    return Row(
        server,
        load,
        7,
        cpu,
        times,
        times * 0.9,
        times * 1.1,
        1e6 / cpu,
        100.0,
        250.0,
        30.0,
        60.0,
        13.25,
        14336,
        50_044_192,
    )


class Figures(unittest.TestCase):
    def test_servers_are_compared_round_by_round(self):
        def rounds(*cpu: float) -> list[Sample]:
            return [Sample(value, 1e6 / value, 1.0, 1.0) for value in cpu]

        # Ratios 3, 1 and 2: the machine was slow in the third round, for both, and the ratio of the medians is 2.5.
        slow, fast = rounds(30, 12, 80), rounds(10, 12, 40)
        self.assertEqual(figures.ratios(slow, fast), (2, 1, 3))
        self.assertEqual(medians(slow), Sample(30, 1e6 / 30, 1.0, 1.0))

    def test_the_csv_has_a_line_for_each_row(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.csv"
            figures.write([row("tamis", "predict", 5.8, 1.0)], path)
            head, line = path.read_text().splitlines()
        self.assertTrue(head.startswith("server,load,rounds,cpu_us,times_tamis,"))
        self.assertEqual(line, "tamis,predict,7,5.8,1,0.9,1.1,172414,100,250,30,60,13.25,14336,50044192")


class Report(unittest.TestCase):
    TITLES = {"tamis": "tamis", "axum": "axum, tract"}
    ROWS = [
        row(name, load.name, 5.8 * times, times) for load in LOADS for name, times in (("tamis", 1.0), ("axum", 1.5))
    ]

    def test_the_tables_name_every_server_under_every_load(self):
        made = report.markdown(self.ROWS, self.TITLES, 3)
        self.assertEqual(
            made.count("| axum, tract | 8.70 | 1.50 (1.35 to 1.65) | 115,000 | 100 / 250 | 30.0 / 60.0 |"), len(LOADS)
        )
        self.assertEqual(made.count("| axum, tract | 13.2 | 14.0 | 50.0 |"), 1)

    def test_the_picture_names_every_server_and_figure(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "peers.svg"
            report.draw(self.ROWS, self.TITLES, out)
            drawn = out.read_text()
        for words in ("axum, tract", "8.70 us, 1.50 times", "logarithmic", *(load.title for load in LOADS)):
            self.assertIn(words, drawn)
