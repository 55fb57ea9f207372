"""Whether every metric and label that a rule, a dashboard or a document names exists, and all metrics are read.

What exists is what the daemon says: `tamis print-metrics` for names and labels, a scrape for the label values. These
are closed sets: a selector that can match no series is an error.
"""

import json
import re
import subprocess

import promql_parser as promql
import yaml
from common import DAEMON, MONITORING, Failure
from prometheus_client.parser import text_string_to_metric_families

TARGET = {"job", "instance"}
DISCOVERED = {"namespace", "pod", "node", "app"}


class Catalog:
    """Names with their labels: the daemon's, those of others (external.yml), and those that rules record."""

    def __init__(self, exposition: str):
        self.families = {}
        optional = set()
        self.labels = {}
        listed = json.loads(subprocess.check_output([DAEMON, "print-metrics", "--format", "json"], text=True))
        for family in listed:
            name, kind, labels = family["name"], family["type"], set(family["labels"])
            samples = {
                "counter": [""],
                "gauge": [""],
                "summary": ["_sum", "_count"],
                "histogram": ["_sum", "_count", "_bucket"],
            }
            self.families[name] = {name + suffix for suffix in samples[kind]}
            if "only_with" in family:
                optional |= self.families[name]
            for sample in self.families[name]:
                self.labels[sample] = labels | TARGET | DISCOVERED | ({"le"} if sample.endswith("_bucket") else set())
        self.series = {}
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                self.series.setdefault(sample.name, []).append(sample.labels)
        if not self.families:
            raise Failure("tamis print-metrics listed nothing")
        for name in sorted((self.labels.keys() ^ self.series.keys()) - optional):
            raise Failure(f"{name} stands in one of print-metrics and the scrape only")
        self.external = {}
        for origin in read_yaml("external.yml").values():
            self.external |= {name: set(labels) | TARGET for name, labels in origin["metrics"].items()}
        self.recorded = {}

    def record(self, name: str, labels: set):
        if name in self.labels or name in self.external or name in self.recorded:
            raise Failure(f"the rule {name} records a name that exists")
        self.recorded[name] = labels

    def names(self) -> set:
        return self.labels.keys() | self.external.keys() | self.recorded.keys()


class Reader:
    """Reads expressions against a catalog: infers the labels of each, notes what is read and what is wrong."""

    def __init__(self, catalog: Catalog):
        self.catalog, self.read, self.wrong, self.where = catalog, set(), [], ""

    def expression(self, text: str, where: str) -> set:
        self.where = where
        try:
            return self.labels(promql.parse(text))
        except ValueError as error:
            self.wrong.append(f"{where}: {error}: {text}")
            return set()

    def complain(self, what: str):
        self.wrong.append(f"{self.where}: {what}")

    def need(self, wanted, there: set, what: str):
        for label in sorted(set(wanted) - there):
            self.complain(f"{what} names the label {label}, which is not there")

    def labels(self, node) -> set:
        if isinstance(node, promql.VectorSelector):
            return self.selector(node)
        if isinstance(node, promql.MatrixSelector):
            return self.selector(node.vector_selector)
        if isinstance(node, promql.AggregateExpr):
            inner = self.labels(node.expr)
            if node.modifier is None:
                return set()
            self.need(node.modifier.labels, inner, "an aggregation")
            by = node.modifier.type == promql.AggModifierType.By
            return set(node.modifier.labels) if by else inner - set(node.modifier.labels)
        if isinstance(node, promql.BinaryExpr):
            return self.binary(node)
        if isinstance(node, promql.Call):
            return self.call(node)
        if isinstance(node, (promql.ParenExpr, promql.UnaryExpr, promql.SubqueryExpr)):
            return self.labels(node.expr)
        return set()

    def binary(self, node) -> set:
        left, right = self.labels(node.lhs), self.labels(node.rhs)
        if isinstance(node.lhs, promql.NumberLiteral):
            return right
        matching = node.modifier.matching if node.modifier else None
        if matching is not None:
            self.need(matching.labels, left, "on()")
            self.need(matching.labels, right, "on()")
        if str(node.op) == "or":
            return left | right
        return left | set(node.modifier.group_labels or ()) if node.modifier else left

    def call(self, node) -> set:
        name, arguments = node.func.name, node.args
        vectors = [
            self.labels(argument)
            for argument in arguments
            if not isinstance(argument, (promql.StringLiteral, promql.NumberLiteral))
        ]
        labels = vectors[0] if vectors else set()
        if name == "label_replace":
            self.need([arguments[3].val], labels, "label_replace")
            return labels | {arguments[1].val}
        if name == "histogram_quantile":
            self.need(["le"], labels, "histogram_quantile")
            return labels - {"le"}
        return labels

    def selector(self, node) -> set:
        catalog, name = self.catalog, node.name
        self.read.add(name)
        matchers = [matcher for matcher in node.matchers.matchers if matcher.name != "__name__"]
        for known in (catalog.labels, catalog.external, catalog.recorded):
            if name in known:
                self.need((matcher.name for matcher in matchers), known[name], name)
                break
        else:
            self.complain(f"there is no metric {name}")
            return set()
        if name in catalog.series:
            own = [
                matcher for matcher in matchers if matcher.name not in TARGET | DISCOVERED and "$" not in matcher.value
            ]
            if not any(all(matches(matcher, labels) for matcher in own) for labels in catalog.series[name]):
                self.complain(f"no series of {name} has {own}")
        return known[name]


def matches(matcher, labels: dict) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return (value == matcher.value) == (matcher.op == promql.MatchOp.Equal)
    return bool(re.fullmatch(matcher.value, value)) == (matcher.op == promql.MatchOp.Re)


def read_yaml(path: str):
    return yaml.safe_load((MONITORING / path).read_text(encoding="utf-8"))


def rules() -> list:
    """Every rule with its group's name, recording rules first."""
    return [
        rule
        for file in ("recording", "alerts")
        for group in read_yaml(f"prometheus/rules/{file}.yml")["groups"]
        for rule in group["rules"]
    ]


def queries() -> list:
    """(dashboard's uid, panel's title, PromQL as Grafana has it) of every panel, annotation and variable."""
    found = []
    for path in sorted((MONITORING / "grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            found += [(board["uid"], panel["title"], target["expr"]) for target in panel.get("targets", [])]
        found += [(board["uid"], f"annotation {note['name']}", note["expr"]) for note in board["annotations"]["list"]]
        for variable in board["templating"]["list"]:
            if values := re.fullmatch(
                r"label_values\((.*), *(\w+)\)", variable["query"]["query"] if variable["type"] == "query" else ""
            ):
                found.append((board["uid"], f"variable {variable['name']}", f"sum by ({values[2]}) ({values[1]})"))
    return found


def filled(text: str, interval: str = "5m", job: str = "$job", instance: str = "$instance") -> str:
    """The expression with Grafana's intervals, and its variables where given, in the place of `$...`."""
    return text.replace("$__rate_interval", interval).replace("$job", job).replace("$instance", instance)


def documents(catalog: Catalog, reader: Reader):
    """Code spans of the documents that look like a metric must be one, or a label or a value of one."""
    words = {label for labels in (*catalog.labels.values(), *catalog.external.values()) for label in labels}
    words |= {value for series in catalog.series.values() for labels in series for value in labels.values()}
    prefixes = {name.split("_")[0] for name in (*catalog.families, "kube_", "container_", "flask_", "request_duration")}
    shape = re.compile(rf"(?:{'|'.join(sorted(prefixes))})_[a-z0-9_]+|job(?:_handler)?:[a-z0-9_:]+")
    for path in (MONITORING / "README.md", MONITORING.parent / "README.md"):
        for span in re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8")):
            for word in shape.findall(span):
                stands = word in catalog.names() or word in catalog.families or word in words
                # The front page also names fields of answers; of metrics it has the table, which is printed.
                if not stands and (path.parent == MONITORING or word.startswith(("tamis_", "flask_", "toxicity_api"))):
                    reader.wrong.append(f"{path.name}: there is no metric {word}")


def check(exposition: str) -> str:
    catalog = Catalog(exposition)
    reader = Reader(catalog)
    for rule in rules():
        if "record" in rule:
            catalog.record(rule["record"], reader.expression(rule["expr"], rule["record"]))
    for rule in rules():
        if "alert" in rule:
            labels = reader.expression(rule["expr"], rule["alert"])
            texts = " ".join(rule["annotations"].values())
            reader.need(re.findall(r"\$labels\.(\w+)", texts), labels | set(rule["labels"]), "an annotation")
    for uid, title, text in queries():
        reader.expression(filled(text), f"{uid}, {title}")
    documents(catalog, reader)
    unused = read_yaml("unused.yml")
    for family, samples in catalog.families.items():
        if bool(samples & reader.read) == (family in unused):
            state = (
                "is read, and stands in" if family in unused else "is read by no panel and no rule, and is missing in"
            )
            reader.wrong.append(f"{family} {state} unused.yml")
    for name in sorted(set(unused) - set(catalog.families)):
        reader.wrong.append(f"unused.yml names {name}, which does not exist")
    for name in sorted(catalog.external.keys() - reader.read):
        reader.wrong.append(f"external.yml names {name}, which nothing reads")
    if reader.wrong:
        raise Failure("\n".join(reader.wrong))
    ours, others = len(catalog.families), len(catalog.external)
    return f"{ours} metrics, {len(catalog.recorded)} recorded, {others} external, {len(queries())} queries"
