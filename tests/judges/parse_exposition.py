"""Judge of an exposition: reads it with the reference client's parser and compares it with what it should say.

    parse_exposition.py BODY EXPECTED

BODY is a text-format body. EXPECTED is JSON:
    types    {family name: type}, all of them, names as in the TYPE lines
    count    the number of samples in the body
    samples  [{name, labels, value}], each of which must be there with exactly this value
Exits with 1 and a line for each difference.
"""

import json
import math
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families


def differences(body: str, expected: dict) -> list[str]:
    found = []
    samples = {}
    types = {}
    for family in text_string_to_metric_families(body):
        # The parser takes `_total` off a counter's name; the text format's TYPE line has it.
        types[family.name + "_total" if family.type == "counter" else family.name] = family.type
        if not family.documentation:
            found.append(f"{family.name} has no HELP")
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in samples:
                found.append(f"{sample.name} {sample.labels} stands twice")
            samples[key] = sample.value
    if types != expected["types"]:
        found.append(f"types differ: {sorted(types.items() ^ expected['types'].items())}")
    if len(samples) != expected["count"]:
        found.append(f"{len(samples)} samples, not {expected['count']}")
    for sample in expected["samples"]:
        value = samples.get((sample["name"], frozenset(sample["labels"].items())))
        if value != float(sample["value"]):
            found.append(f"{sample['name']} {sample['labels']} is {value}, not {sample['value']}")
    return found + histogram_differences(samples)


def histogram_differences(samples: dict) -> list[str]:
    """Buckets rise with `le`, and `+Inf` is the count."""
    found = []
    series = {}
    for (name, labels), value in samples.items():
        labels = dict(labels)
        if "le" in labels:
            bound = float(labels.pop("le"))
            series.setdefault((name.removesuffix("_bucket"), frozenset(labels.items())), []).append((bound, value))
    for (name, labels), buckets in series.items():
        values = [value for _, value in sorted(buckets)]
        if values != sorted(values):
            found.append(f"{name} {dict(labels)}: buckets fall")
        if max(buckets)[0] != math.inf or values[-1] != samples.get((name + "_count", labels)):
            found.append(f"{name} {dict(labels)}: +Inf is not the count")
    return found


def main() -> int:
    body, expected = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:])
    found = differences(body, json.loads(expected))
    for difference in found:
        print(difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
