"""What is asked at each point, what oha and the daemon say, the arithmetic, and what is written and drawn."""

import json
import tempfile
import unittest
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

import fit
import kept
import measure
import oha
import pictures
import report
import runs
import series
import sizing
from daemon import totals
from harness.common import README, Failure
from harness.figures import Sample
from oha import Rated
from runs import Measured, Point


def sample(cpu: float) -> Sample:
    return Sample(cpu, 1e6 / cpu, 2 * cpu, 5 * cpu)


def measured(name: str) -> Measured:
    """Three rounds of a series in which a request costs 10 us and 0.5 us for each unit."""
    if name == "rate":
        rates = [Rated(share * 100, min(share, 100) * 100, share, 2 * share, 3 * share) for share in series.SHARES]
        return Measured([Point(share, "", [found] * 3) for share, found in zip(series.SHARES, rates)])
    if name == "workers":
        loads = [load.title for load in series.SHARED]
        return Measured([Point(count, load, [sample(20 / count)] * 3) for load in loads for count in (1, 2)])
    one = next(one for one in [*series.SIZES, series.CONNECTIONS] if one.name == name)
    return Measured([Point(at, "", [sample((10 + at / 2) * way) for way in (0.9, 1, 1.3)]) for at in one.points])


class Sizing(unittest.TestCase):
    PEERS = "**POST /predict**\n| FastAPI, scikit-learn | 6,020 | 567 |\n**POST /analyze, 100 characters**\n| FastAPI, scikit-learn | 372.5 | 9 |\n"

    def test_what_is_not_used_is_paid_as_well(self):
        # 3,600 us each are 3,600 s of CPU, an hour, of 1 / 0.6 hours that are paid.
        self.assertAlmostEqual(sizing.dollars(3600, 0.3, 0.06), 0.6)

    def test_the_peers_are_read_where_they_stand(self):
        self.assertEqual(sizing.peers(self.PEERS), [6020, 372.5])
        self.assertTrue(all(cpu > 0 for cpu in sizing.peers(README.read_text())))
        with self.assertRaisesRegex(Failure, "no FastAPI, scikit-learn at POST /analyze"):
            sizing.peers(self.PEERS.partition("**POST /analyze")[0])

    def test_every_request_has_its_size_and_cost(self):
        arguments = Namespace(rounds=5, seconds=3, vcpu_hour=0.3, gib_hour=0.06)
        points = [Point(at, title, [sample(3600)] * 5) for at, (title, *_) in enumerate(sizing.REQUESTS)]
        body = sizing.markdown(points, [12.5] * len(points), arguments, "a machine")
        self.assertEqual(body.count("| 3,600 | 278 | 12.5 |"), len(points))
        self.assertEqual(body.count("| 3,600 | 0.6 |"), len(points))


class Asked(unittest.TestCase):
    def test_texts_have_their_length_and_begin_alike(self):
        long = series.prose(8000)
        for length in (10, 25, 8000):
            text = json.loads(series.analyze(length).body)["text"]
            self.assertEqual((len(text), text), (length, long[:length]))

    def test_every_point_is_within_the_daemons_limits(self):
        for one in series.SIZES:
            self.assertEqual(one.points, sorted(set(one.points)))
            document = json.loads(one.load(one.points[-1]).body)
            self.assertLessEqual(len(one.load(one.points[-1]).body), 65536, one.name)
            many = document.get("features") or document.get("texts")
            self.assertEqual(len(many or document["text"]), one.points[-1], one.name)

    def test_rows_differ(self):
        rows = json.loads(series.predict(1000).body)["features"]
        self.assertTrue(all(a != b and len(a) == 4 for a, b in zip(rows, rows[1:])))

    def test_workers_grow_by_doubling_up_to_the_cores(self):
        self.assertEqual([runs.worker_counts(cores) for cores in (2, 4, 6)], [[1, 2], [1, 2, 4], [1, 2, 4, 6]])

    def test_a_series_that_is_not_there_is_refused(self):
        self.assertEqual(measure.series("text,rate"), ["text", "rate"])
        with self.assertRaisesRegex(ArgumentTypeError, "texts"):
            measure.series("texts,rate")


class Oha(unittest.TestCase):
    LATENCIES = {"p50": 0.0002, "p99": 0.0015, "p99.9": 0.004}

    def said(self, answers: dict, errors: dict) -> str:
        document = {"summary": {"total": 2.0}, "latencyPercentiles": self.LATENCIES}
        return json.dumps(document | {"statusCodeDistribution": answers, "errorDistribution": errors})

    def test_rates_are_per_second_and_latencies_in_microseconds(self):
        found = oha.parse(self.said({"200": 9000}, {oha.CUT_OFF: 32}), 5000)
        self.assertEqual(found, Rated(5000, 4500, 200, 1500, 4000))
        self.assertEqual(oha.parse(self.said({"200": 9000}, {}), None).asked, 4500)

    def test_other_answers_errors_and_silence_are_failures(self):
        for answers, errors, words in [
            ({"200": 9000, "503": 1}, {}, "'503': 1"),
            ({"200": 9000}, {"connection refused": 3}, "connection refused"),
            ({}, {oha.CUT_OFF: 32}, "nobody answered"),
        ]:
            with self.assertRaisesRegex(Failure, words):
                oha.parse(self.said(answers, errors), 5000)
        with self.assertRaisesRegex(Failure, "cannot be read"):
            oha.parse("{}", None)


class Arithmetic(unittest.TestCase):
    def test_samples_are_summed_over_labels(self):
        text = '# HELP a x 1\na{b="}",c="1 2"} 3\na{b="d"} 4.5\nab 7\n'
        self.assertEqual(totals(text), {"a": 7.5, "ab": 7})

    def test_a_line_is_found_again(self):
        found = fit.line([(x, 12.5 + 0.04 * x) for x in (25, 100, 8000)])
        self.assertAlmostEqual(found.fixed, 12.5)
        self.assertAlmostEqual(found.slope, 0.04)
        self.assertAlmostEqual(found.at(100), 16.5)

    def test_small_points_count_as_much_as_large_ones(self):
        # Without weights the line would pass 68 below the first point.
        found = fit.line([(1, 10), (1000, 1000), (2000, 2400)])
        self.assertLess(abs(found.at(1) - 10), 1)

    def test_no_line_through_one_point(self):
        self.assertIsNone(fit.line([]))
        self.assertIsNone(fit.line([(5, 10), (5, 11)]))

    def test_a_line_is_told_in_units_that_can_be_read(self):
        self.assertEqual(fit.Line(12.5, 0.0218).told("character"), "12.5 us and 21.8 ns a character")
        self.assertEqual(fit.Line(460, 21.8).told("character"), "460 us and 21.8 us a character")


class Written(unittest.TestCase):
    def one(self, name: str) -> kept.Kept:
        return kept.Kept(measured(name), "2026-11-22", "two cores", 3, 2)

    def test_what_is_kept_is_read_again(self):
        for name in ("text", "rate"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{name}.json"
                kept.write(path, measured(name), "two cores", 3, 2)
                found = kept.read(path)
            self.assertEqual(found.measured, measured(name))
            self.assertEqual((found.machine, found.rounds, found.seconds), ("two cores", 3, 2))

    def test_the_tables_name_every_series_and_point(self):
        made = report.markdown({name: self.one(name) for name in series.NAMES})
        self.assertEqual(list(report.TITLES), series.NAMES)
        for line in (
            "| 100 | 60.0 (54.0 to 78.0) | 0.6 | 16,700 | 120 / 300 |",
            "By least squares of relative errors: 10.0 us and 500 ns a character.",
            "| 4,096 | 2,060 (1,850 to 2,680) | 486 | 4,120 / 10,300 |",
            "| POST /predict | 2 | 100,000 | 2.00 | 10.0 (10.0 to 10.0) |",
            "| 150 % | 15,000 | 10,000 | 150 | 300 | 450 |",
            "Medians of 3 rounds of 4 s, 2026-11-22: two cores.",
        ):
            self.assertIn(line, made)
        self.assertNotIn("Not measured", made)

    def test_what_was_not_measured_says_so(self):
        made = report.markdown({"batch": kept.Kept(Measured([], "skipped: it answers 404"), "", "", 1, 1)})
        self.assertIn("Skipped: it answers 404", made)
        self.assertEqual(made.count("Not measured yet."), len(series.NAMES) - 1)
        self.assertNotIn("images/", made)

    def test_the_pictures_name_their_axes_and_units(self):
        for name in series.NAMES:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "images" / report.picture(name)
                pictures.draw(name, measured(name).points, out)
                drawn = out.read_text()
            words = {"workers": "thousand requests a second", "rate": "p99.9"}.get(name, "CPU per request, us")
            self.assertIn(words, drawn)
