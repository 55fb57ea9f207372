"""What is read of the test's output, and what is written and drawn of it."""

import tempfile
import unittest
from pathlib import Path

import report
from harness import readme
from harness.common import ROOT, Failure

VERDICT = (
    "soak: in the last half of 400 requests resident memory rises by 8 KiB, "
    "and a request calls the allocator 0.9242 times, in the first half 1.9487 times\n"
)
SAMPLES = "".join(
    f"soak: {at} requests, resident {20480 + (at > 0) * 512} KiB, {at * 2} calls of the allocator\n"
    for at in range(0, 401, 100)
)
LINE = "soak: by the line through the last half an hour brings 3 KiB of resident memory and 1 us to the slowest\n"
PRINTED_BY_TIME = (
    "".join(
        f"{sample}\nsoak: after {at}.5 s {30 + at} descriptors, alone a request takes {at} us, "
        f"the slowest in a hundred {9 + at} us\n"
        for at, sample in enumerate(SAMPLES.splitlines())
    )
    + VERDICT
    + LINE
)
PRINTED = f"running 1 test\n{SAMPLES}{VERDICT}test memory ... ok\n"


class Soak(unittest.TestCase):
    def test_samples_and_verdict_are_read(self):
        soak = report.parse(PRINTED)
        self.assertEqual(soak.samples[1], report.Sample(100, 20992, 200))
        self.assertEqual((len(soak.samples), soak.apart_kib, soak.calls_last), (5, 8, 0.9242))

    def test_half_a_run_is_a_failure(self):
        for printed in (SAMPLES, VERDICT, ""):
            with self.assertRaisesRegex(Failure, "not a whole run"):
                report.parse(printed)

    def test_the_table_has_the_figures(self):
        made = report.markdown(report.parse(PRINTED), "a day: a machine")
        self.assertIn("| 400 | 20.00 / 20.50 / 20.50 | 8 | 1.949 / 0.924 |", made)
        self.assertIn("Measured on a day: a machine.", made)

    def test_the_picture_names_its_axes(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "images/soak.svg"
            report.draw(report.parse(PRINTED), out)
            drawn = out.read_text()
        for words in ("resident, MiB", "per request", "million requests"):
            self.assertIn(words, drawn)

    def test_a_run_by_time_is_read_and_drawn(self):
        moments = report.moments_of(PRINTED_BY_TIME)
        self.assertEqual((len(moments), moments[1]), (5, report.Moment(1.5, 31, 1, 10)))
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "soak-time.svg"
            report.draw_over_time(report.parse(PRINTED_BY_TIME), moments, out)
            drawn = out.read_text()
        for words in ("resident, MiB", "descriptors", "slowest in a hundred", "minutes"):
            self.assertIn(words, drawn)
        with self.assertRaisesRegex(Failure, "4 moments, 5 samples"):
            report.over_time(PRINTED_BY_TIME.replace("after 0.5 s", "after none"), None)

    def test_there_is_a_place_for_both_tables(self):
        for name in ("soak", "soak-time"):
            readme.require(name)

    def test_the_lines_are_those_that_the_test_prints(self):
        test = (ROOT / "tests/soak.rs").read_text()
        for words in ("requests, resident {", "KiB, {allocator_calls} calls of the allocator"):
            self.assertIn(words, test)
