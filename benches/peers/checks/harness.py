"""What wrk says, what is reported of it, what is written, and who is whose child."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import figures
import processes
import report
import wrk
from common import Failure
from figures import Row, Sample
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


class Wrk(unittest.TestCase):
    def test_numbers_are_read_in_their_units(self):
        driven = wrk.parse("Running 1s test\n  Latency 190us\npeers 169000 1002000 181 350 0\nRequests/sec: 1\n")
        self.assertEqual(driven, wrk.Driven(169000, 1.002, 181, 350))

    def test_failed_requests_and_silence_are_failures(self):
        for output, words in [
            ("peers 10 1000000 1 2 3\n", "3 requests failed"),
            ("peers 0 1000000 0 0 0\n", "nobody answered"),
            ("unable to connect\n", "unable to connect"),
            ("peers 1 2 3\n", "wrk said"),
        ]:
            with self.assertRaisesRegex(Failure, words):
                wrk.parse(output)


class Figures(unittest.TestCase):
    def test_cpu_is_per_request(self):
        made = figures.sample(wrk.Driven(200_000, 2.0, 150, 300), 1_160_000_000)
        self.assertEqual(made, Sample(5.8, 100_000.0, 150, 300))

    def test_servers_are_compared_round_by_round(self):
        def rounds(*cpu: float) -> list[Sample]:
            return [Sample(value, 1e6 / value, 1.0, 1.0) for value in cpu]

        # Ratios 3, 1 and 2: the machine was slow in the third round, for both, and the ratio of the medians is 2.5.
        slow, fast = rounds(30, 12, 80), rounds(10, 12, 40)
        self.assertEqual(figures.ratios(slow, fast), (2, 1, 3))
        self.assertEqual(figures.medians(slow), Sample(30, 1e6 / 30, 1.0, 1.0))

    def test_three_significant_digits(self):
        shown = [figures.significant(value) for value in (0.0421, 1.234, 56.78, 99.96, 123.4, 1234.0, 169432.0)]
        self.assertEqual(shown, ["0.0421", "1.23", "56.8", "100.0", "123", "1,230", "169,000"])

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

    def test_only_what_stands_between_the_markers_is_replaced(self):
        text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        self.assertEqual(report.insert(text, "new"), f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n")
        with self.assertRaisesRegex(Failure, "lacks"):
            report.insert("no markers", "new")

    def test_the_readme_has_the_markers(self):
        readme = (Path(report.__file__).parents[1] / "README.md").read_text()
        self.assertIn("new", report.insert(readme, "new"))

    def test_the_picture_names_every_server_and_figure(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "peers.svg"
            report.draw(self.ROWS, self.TITLES, out)
            drawn = out.read_text()
        for words in ("axum, tract", "8.70 us, 1.50 times", "logarithmic", *(load.title for load in LOADS)):
            self.assertIn(words, drawn)


class Processes(unittest.TestCase):
    def test_a_name_with_spaces_and_brackets_hides_no_parent(self):
        self.assertEqual(processes.parent("12 (a) b) c) S 7 12 12 0"), 7)

    def test_children_are_found_and_their_time_counts(self):
        with subprocess.Popen(["sh", "-c", "sleep 60 & read line; kill $!"], stdin=subprocess.PIPE) as shell:
            try:
                while len(found := processes.tree(shell.pid)) < 2:
                    pass
                self.assertEqual(found[0], shell.pid)
                self.assertGreater(processes.ran(shell.pid), 0)
                self.assertGreater(processes.resident(shell.pid), 0)
            finally:
                shell.communicate(b"\n")
        self.assertEqual((processes.ran(shell.pid), processes.resident(shell.pid)), (0, 0))

    def test_time_that_was_spent_is_seen(self):
        before, begin = processes.ran(os.getpid()), os.times().user
        while os.times().user - begin < 0.05:
            pass
        self.assertGreater(processes.ran(os.getpid()) - before, 30_000_000)
