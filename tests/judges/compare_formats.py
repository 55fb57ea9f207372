"""Judge of the exposition formats: reads one state in all three with foreign readers and compares them.

    compare_formats.py TEXT OPENMETRICS PROTOBUF EXPECTED

TEXT and OPENMETRICS are read by the reference client's parsers, PROTOBUF by Google's library with a description of
`io.prometheus.client` that is written here from the client model. EXPECTED is JSON:
    openmetrics_lines  samples of the OpenMetrics body
    created            the process' start, as a decimal
    durations          {handler: [nanoseconds]}: every duration of the POST routes, for the native buckets
    exemplars          [{name, labels, le, trace_id, span_id, value}]: all that there are
Exits with 1 and a line for each difference.
"""

import json
import math
import sys
from collections import Counter
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

# Field numbers and types: name, number, type or message, repeated.
MODEL = {
    "LabelPair": [("name", 1, "string"), ("value", 2, "string")],
    "Timestamp": [("seconds", 1, "int64"), ("nanos", 2, "int32")],
    "Exemplar": [("label", 1, "LabelPair", True), ("value", 2, "double"), ("timestamp", 3, "Timestamp")],
    "Gauge": [("value", 1, "double")],
    "Counter": [("value", 1, "double"), ("exemplar", 2, "Exemplar"), ("created_timestamp", 3, "Timestamp")],
    "Quantile": [("quantile", 1, "double"), ("value", 2, "double")],
    "Summary": [
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("quantile", 3, "Quantile", True),
        ("created_timestamp", 4, "Timestamp"),
    ],
    "Bucket": [("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double"), ("exemplar", 3, "Exemplar")],
    "BucketSpan": [("offset", 1, "sint32"), ("length", 2, "uint32")],
    "Histogram": [
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("bucket", 3, "Bucket", True),
        ("schema", 5, "sint32"),
        ("zero_threshold", 6, "double"),
        ("zero_count", 7, "uint64"),
        ("positive_span", 12, "BucketSpan", True),
        ("positive_delta", 13, "sint64", True),
        ("created_timestamp", 15, "Timestamp"),
    ],
    "Metric": [
        ("label", 1, "LabelPair", True),
        ("gauge", 2, "Gauge"),
        ("counter", 3, "Counter"),
        ("summary", 4, "Summary"),
        ("histogram", 7, "Histogram"),
    ],
    "MetricFamily": [
        ("name", 1, "string"),
        ("help", 2, "string"),
        ("type", 3, "int32"),
        ("metric", 4, "Metric", True),
        ("unit", 5, "string"),
    ],
}
TYPES = {0: "counter", 1: "gauge", 2: "summary", 4: "histogram"}

# What another scrape of the same state may show otherwise.
LIVE = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
    "tamis_scrape_duration_seconds",
    "tamis_worker_busy_seconds_total",
)


def message_class():
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="io.prometheus.client", syntax="proto2")
    for name, fields in MODEL.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, *repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in MODEL:
                field.type, field.type_name = field.TYPE_MESSAGE, f".io.prometheus.client.{kind}"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def protobuf_families(data: bytes) -> list:
    family_class, families, at = message_class(), [], 0
    while at < len(data):
        length, at = varint(data, at)
        families.append(family_class.FromString(data[at : at + length]))
        if unknown(families[-1]):
            raise ValueError(f"{families[-1].name} has a field that the client model does not have")
        at += length
    return families


def unknown(message) -> bool:
    """Whether a message, or one inside it, has a field that its description lacks."""
    inner = (value for field, value in message.ListFields() if field.message_type)
    each = (one for value in inner for one in ([value] if hasattr(value, "ListFields") else value))
    return len(unknown_fields.UnknownFieldSet(message)) > 0 or any(unknown(one) for one in each)


def key(name: str, labels: dict) -> tuple:
    """A series, its `le` as a number: formats write the same number in different ways."""
    labels = {label: float(value) if label == "le" else value for label, value in labels.items()}
    return name, frozenset(labels.items())


def of_text(families) -> dict:
    return {key(sample.name, sample.labels): sample for family in families for sample in family.samples}


def of_protobuf(families) -> dict:
    samples = {}
    for family in families:
        for metric in family.metric:
            labels = {label.name: label.value for label in metric.label}
            kind = TYPES[family.type]
            value = getattr(metric, kind)
            if not metric.HasField(kind):
                raise ValueError(f"{family.name} {labels} has no {kind}")
            if kind in ("counter", "gauge"):
                samples[key(family.name, labels)] = value.value
            else:
                samples[key(family.name + "_sum", labels)] = value.sample_sum
                samples[key(family.name + "_count", labels)] = value.sample_count
            if kind == "histogram":
                for bucket in value.bucket:
                    bound = {**labels, "le": bucket.upper_bound}
                    samples[key(family.name + "_bucket", bound)] = bucket.cumulative_count
    return samples


def same(name: str, one: float, other: float) -> bool:
    return name in LIVE or one == other or (math.isnan(one) and math.isnan(other))


def native_differences(families, durations: dict) -> list[str]:
    """Every native histogram holds as many as its count says, in the buckets where the durations belong."""
    found, natives = [], set()
    for family in families:
        for metric in family.metric:
            value = metric.histogram
            if not metric.HasField("histogram") or not value.HasField("schema"):
                continue
            labels = {label.name: label.value for label in metric.label}
            natives.add(family.name)
            buckets, index, count, deltas = Counter(), 0, 0, iter(value.positive_delta)
            for span in value.positive_span:
                index += span.offset
                for _ in range(span.length):
                    count += next(deltas)
                    buckets[index] = count
                    index += 1
            where = f"{family.name} {labels}"
            if next(deltas, None) is not None:
                found.append(f"{where}: more differences than buckets")
            if any(count < 0 for count in buckets.values()):
                found.append(f"{where}: a negative count")
            if sum(buckets.values()) + value.zero_count != value.sample_count:
                found.append(f"{where}: native buckets hold {sum(buckets.values())} + {value.zero_count}")
            if value.zero_threshold != 1e-9:
                found.append(f"{where}: the threshold of zero is {value.zero_threshold}")
            fine = labels.get("handler") in durations
            if value.schema != (7 if fine else 0):
                found.append(f"{where}: schema {value.schema}")
            if family.name == "http_request_duration_seconds" and fine:
                expected = Counter(
                    math.ceil(math.log2(middle(duration) / 1e9) * 128)
                    for duration in durations[labels["handler"]]
                    if duration > 1
                )
                if {index: count for index, count in buckets.items() if count} != dict(expected):
                    found.append(f"{where}: {buckets} is not {expected}")
                if value.zero_count != sum(duration <= 1 for duration in durations[labels["handler"]]):
                    found.append(f"{where}: {value.zero_count} zeros")
    if natives != {"http_request_duration_seconds", "toxicity_processing_seconds", "tamis_stage_duration_seconds"}:
        found.append(f"native histograms: {natives}")
    return found


def middle(duration: int) -> float:
    """The middle of the bucket of a duration: 64 equal buckets an octave up to 2^36, upper edges inclusive."""
    position = min(duration, 2**36) - 1
    width = 2 ** max(position.bit_length() - 7, 0)
    return (position // width + 0.5) * width


def exemplar_differences(openmetrics: dict, families, expected: list[dict]) -> list[str]:
    wanted = {
        (key(one["name"], {**one["labels"], "le": one["le"]}), one["trace_id"], one["span_id"], float(one["value"]))
        for one in expected
    }
    in_text = set()
    for series, sample in openmetrics.items():
        if sample.exemplar:
            ids = sample.exemplar.labels
            in_text.add((series, ids["trace_id"], ids["span_id"], sample.exemplar.value))
            if sample.exemplar.value > float(sample.labels["le"]) or not sample.exemplar.timestamp:
                return [f"{series}: {sample.exemplar}"]
    in_protobuf = set()
    for family in families:
        for metric in family.metric:
            for bucket in metric.histogram.bucket:
                if bucket.HasField("exemplar"):
                    ids = {label.name: label.value for label in bucket.exemplar.label}
                    labels = {label.name: label.value for label in metric.label}
                    series = key(family.name + "_bucket", {**labels, "le": bucket.upper_bound})
                    in_protobuf.add((series, ids["trace_id"], ids["span_id"], bucket.exemplar.value))
                    if not bucket.exemplar.HasField("timestamp"):
                        return [f"{series}: an exemplar without a time"]
    return [
        f"exemplars in {name}: {found ^ wanted}"
        for name, found in (("OpenMetrics", in_text), ("protocol buffers", in_protobuf))
        if found != wanted
    ]


def differences(text: str, openmetrics: str, protobuf: bytes, expected: dict) -> list[str]:
    found = []
    plain, families = list(text_families(text)), protobuf_families(protobuf)
    open_families = list(openmetrics_families(openmetrics))
    in_text, in_open, in_protobuf = of_text(plain), of_text(open_families), of_protobuf(families)
    if len(in_open) != expected["openmetrics_lines"]:
        found.append(f"OpenMetrics has {len(in_open)} samples, not {expected['openmetrics_lines']}")
    for series, sample in in_text.items():
        for name, value in (
            ("OpenMetrics", in_open[series].value if series in in_open else None),
            ("protocol buffers", in_protobuf.get(series)),
        ):
            if value is None or not same(sample.name, sample.value, value):
                found.append(f"{series} is {sample.value} in the text format and {value} in {name}")
    found += [f"{series} is only in protocol buffers" for series in in_protobuf.keys() - in_text.keys()]
    for series in in_open.keys() - in_text.keys():
        if not series[0].endswith("_created") or in_open[series].value != float(expected["created"]):
            found.append(f"{series} is only in OpenMetrics: {in_open[series]}")
    for family, other in zip(families, plain, strict=True):
        name = family.name.removesuffix("_total") if TYPES[family.type] == "counter" else family.name
        if (name, family.help, TYPES[family.type]) != (other.name, other.documentation, other.type):
            found.append(f"{family.name}, {family.help}, {family.type} in protocol buffers, {other} in the text format")
        if family.unit != next((unit for unit in ("seconds", "bytes") if name.endswith("_" + unit)), ""):
            found.append(f"{family.name} has the unit {family.unit} in protocol buffers")
        for metric in family.metric:
            value = getattr(metric, TYPES[family.type])
            if family.type != 1:
                seconds, nanoseconds = value.created_timestamp.seconds, value.created_timestamp.nanos
                if float(f"{seconds}.{nanoseconds:09}") != float(expected["created"]):
                    found.append(f"{family.name} was created at {seconds}.{nanoseconds:09}")
    for family, other in zip(open_families, plain, strict=True):
        info = other.name.endswith("_info")
        wanted = (other.name.removesuffix("_info"), other.documentation, "info" if info else other.type)
        if (family.name, family.documentation, family.type) != wanted:
            found.append(f"{family} in OpenMetrics, {other} in the text format")
        if family.unit != next((unit for unit in ("seconds", "bytes") if family.name.endswith("_" + unit)), ""):
            found.append(f"{family.name} has the unit {family.unit} in OpenMetrics")
    found += native_differences(families, expected["durations"])
    return found + exemplar_differences(in_open, families, expected["exemplars"])


def main() -> int:
    text, openmetrics, protobuf, expected = map(Path, sys.argv[1:])
    found = differences(
        text.read_text(encoding="utf-8"),
        openmetrics.read_text(encoding="utf-8"),
        protobuf.read_bytes(),
        json.loads(expected.read_text(encoding="utf-8")),
    )
    for difference in found:
        print(difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
