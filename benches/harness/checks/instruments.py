"""What wrk says, what is reported of it, what is written, and who is whose child."""

import os
import subprocess
import unittest

from harness import figures, processes, readme, wrk
from harness.common import ROOT, Failure
from harness.figures import Sample


class Wrk(unittest.TestCase):
    def test_numbers_are_read_in_their_units(self):
        driven = wrk.parse("Running 1s test\n  Latency 190us\nwrk 169000 1002000 181 350 0\nRequests/sec: 1\n")
        self.assertEqual(driven, wrk.Driven(169000, 1.002, 181, 350))

    def test_failed_requests_and_silence_are_failures(self):
        for output, words in [
            ("wrk 10 1000000 1 2 3\n", "3 requests failed"),
            ("wrk 0 1000000 0 0 0\n", "nobody answered"),
            ("unable to connect\n", "unable to connect"),
            ("wrk 1 2 3\n", "wrk said"),
        ]:
            with self.assertRaisesRegex(Failure, words):
                wrk.parse(output)


class Figures(unittest.TestCase):
    def test_cpu_is_per_request(self):
        made = figures.sample(wrk.Driven(200_000, 2.0, 150, 300), 1_160_000_000)
        self.assertEqual(made, Sample(5.8, 100_000.0, 150, 300))

    def test_each_figure_has_its_own_median(self):
        found = figures.medians([Sample(1, 30, 5, 8), Sample(2, 10, 6, 9), Sample(3, 20, 4, 7)])
        self.assertEqual(found, Sample(2, 20, 5, 8))

    def test_three_significant_digits(self):
        shown = [figures.significant(value) for value in (0.0421, 1.234, 56.78, 99.96, 123.4, 1234.0, 169432.0)]
        self.assertEqual(shown, ["0.0421", "1.23", "56.8", "100.0", "123", "1,230", "169,000"])


class Readme(unittest.TestCase):
    def test_only_what_stands_between_the_marks_is_replaced(self):
        begin, end = readme.marks("peers")
        text = f"before\n{begin}\nold\n{end}\nafter\n"
        self.assertEqual(readme.insert(text, "peers", "new"), f"before\n{begin}\nnew\n{end}\nafter\n")
        for missing in ("no marks", begin, f"{end}\n{begin}"):
            with self.assertRaisesRegex(Failure, "lacks"):
                readme.insert(missing, "peers", "new")

    def test_the_documents_have_the_marks_of_every_bench(self):
        for name, target in readme.TARGETS.items():
            self.assertIn("new", readme.insert(readme.document(name).read_text(), name, "new"))
            self.assertIn(f"\n{target}:", (ROOT / "Makefile").read_text())


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
