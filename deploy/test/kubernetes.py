"""The manifests without a cluster: Kubernetes' schemas, checkov, what must agree, and a reason beside each number."""

import json
import re
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import kustomize
import yaml
from agreement import CHECKS, MONITORS
from common import DAEMON, DEPLOY, ROOT, Failure, run, tool
from kustomize import KUBERNETES, container, objects, one

# The oldest that deploys to Kubernetes shall work on, the newest that there are schemas of, and one between.
VERSIONS = ("1.31", "1.33", "1.37")


def check() -> str:
    tool("kustomize")
    made = {name: objects(text) for name, text in kustomize.renderings().items()}
    for name, values in made.items():
        wrong = [line for judge in (schema, *CHECKS) for line in judge(values)]
        if wrong:
            raise Failure("\n".join(f"{name}: {line}" for line in wrong))
    if wrong := [*versions(made), *adapter(made), *reasons()]:
        raise Failure("\n".join(wrong))
    checked = checkov()
    return f"{len(made)} renderings, {sum(map(len, made.values()))} objects, {checked}"


def schema(values: list[dict]):
    for value in values:
        if value["kind"] not in MONITORS:
            yield from invalid(json.dumps(value))


@cache
def invalid(text: str) -> list[str]:
    """Most renderings have most objects in common."""
    import kubernetes_validate

    value, wrong = json.loads(text), []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(value, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{value['kind']}, Kubernetes {version}: {error.message} at {list(error.path)}")
    return wrong


def versions(made: dict):
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
    for name, values in made.items():
        tag = container(values)["image"].rpartition(":")[2]
        if "IMAGE=" not in name and tag != version + ("-simple" if "simple" in name else ""):
            yield f"{name}: image {tag}, and Cargo.toml says {version}"
    for image in ("r:5000/p/tamis", "r:5000/p/tamis:1.10", f"r/tamis@sha256:{'a' * 64}", f"r/t:1.10@sha256:{'a' * 64}"):
        wanted = image.replace(":1.10@", "@") if ":" in image.rpartition("/")[2] else f"{image}:{version}"
        if (found := container(objects(kustomize.rendered("local", image=image)))["image"]) != wanted:
            yield f"render.sh: IMAGE={image} is {found}"


def adapter(made: dict):
    """The metric of the autoscaler is the daemon's, and the adapter's rule gives it by pod, of one namespace."""
    metrics = {value["name"] for value in json.loads(run(DAEMON, "print-metrics", "--format", "json"))}
    (rule,) = yaml.safe_load((KUBERNETES / "components/queue-metric/adapter.yaml").read_text(encoding="utf-8"))["rules"]
    series = rule["seriesQuery"].partition("{")[0]
    for name, pattern in (("queue-metric", "{}"), ("queue-metric-gke", "prometheus.googleapis.com|{}|gauge")):
        resource, pods = one(made[f"plain {name}"], "HorizontalPodAutoscaler")["spec"]["metrics"]
        if resource["type"] != "Resource" or pods["pods"]["metric"]["name"] != pattern.format(series):
            yield f"{name}: the autoscaler asks for {pods}"
    if series not in metrics:
        yield f"{series} is no metric of the daemon"
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.Series>>", series)
    query = query.replace("<<.LabelMatchers>>", 'namespace="tamis"')
    waiting = {("tamis", "a"): 8, ("tamis", "b"): 2, ("other", "c"): 64}
    asked = {
        "interval": "15s",
        "input_series": [
            {"series": f'{series}{{namespace="{space}",pod="{pod}"}}', "values": f"{value}x8"}
            for (space, pod), value in waiting.items()
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "1m",
                "exp_samples": [{"labels": '{pod="a"}', "value": 8}, {"labels": '{pod="b"}', "value": 2}],
            }
        ],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"evaluation_interval": "15s", "tests": [asked]}, file)
        file.flush()
        run(tool("promtool"), "test", "rules", file.name)


def reasons():
    """A number has a comment on its line, or one above that still holds."""
    counts = re.compile(r"[:=\[{]\s*'?\d+(\.\d+)?(m|s|Ki|Mi|Gi)?'?\s*[,}\]]?\s*$")
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        # A comment holds for the line below it with all that is further in, and for numbers in a row.
        depth, begun = None, False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            indent, (text, _, comment) = len(line) - len(line.lstrip()), line.partition("# ")
            if not text.strip():
                depth, begun = indent if line.strip() else None, False
                continue
            count = counts.search(text)
            if depth is not None and (indent < depth or begun and indent == depth and not count):
                depth = None
            begun = True
            if count and depth is None and not comment:
                yield f"{path.relative_to(DEPLOY)}:{number}: no reason for {text.strip()}"


def checkov() -> str:
    with tempfile.TemporaryDirectory(prefix="tamis-checkov-") as directory:
        for name, text in kustomize.renderings().items():
            Path(directory, re.sub(r"\W+", "-", name) + ".yaml").write_text(text, encoding="utf-8")
        config = Path(__file__).parent / "checkov-kubernetes.yaml"
        command = "--framework kubernetes --skip-download --compact --output json".split()
        said = json.loads(run(tool("checkov"), "--config-file", config, *command, "--directory", directory))
    passed = said["summary"]["passed"]
    if said["summary"]["failed"] or not passed:
        raise Failure(f"checkov: {said['summary']}")
    return f"{passed} checks of checkov"
