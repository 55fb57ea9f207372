"""What can be said of the files without running them: promtool, amtool, Grafana's schema, Kubernetes' schemas."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from common import MONITORING, TOOLS, Failure, free_port, run, tool
from live_config import alertmanager_config, secrets

PROMETHEUS = MONITORING / "prometheus"
DEPLOY = MONITORING / "kubernetes/deploy.sh"
TOOLS_SCRIPTS = [MONITORING.parent / "tests/tools.sh", *sorted((MONITORING.parent / "tests/tools").glob("*.sh"))]


def prometheus() -> str:
    promtool = tool("promtool")
    # The files that a cluster mounts are not here: its own are checked for syntax, the others in full.
    run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")
    run(promtool, "check", "config", "--syntax-only", PROMETHEUS / "prometheus-kubernetes.yml")
    run(promtool, "check", "rules", *sorted((PROMETHEUS / "rules").glob("*.yml")))
    return "promtool check config, check rules"


def rule_tests() -> str:
    """Runs the tests; every alert, and every severity of it, must fire in one and be silent in another."""
    files = sorted((PROMETHEUS / "tests").glob("*.yml"))
    run(tool("promtool"), "test", "rules", *files)
    fires, silent, count = set(), set(), 0
    for file in files:
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for case in test["alert_rule_test"]:
                count += 1
                fires |= {(case["alertname"], alert["exp_labels"]["severity"]) for alert in case["exp_alerts"]}
                if not case["exp_alerts"]:
                    silent.add(case["alertname"])
    rules = yaml.safe_load((PROMETHEUS / "rules/alerts.yml").read_text(encoding="utf-8"))["groups"]
    alerts = {(rule["alert"], rule["labels"]["severity"]) for group in rules for rule in group["rules"]}
    missing = [f"no test in which {name} ({severity}) fires" for name, severity in sorted(alerts - fires)]
    missing += [f"no test in which {name} is silent" for name in sorted({name for name, _ in alerts} - silent)]
    if missing:
        raise Failure("\n".join(missing))
    return f"{len(alerts)} alerts, {count} expectations"


def runbooks() -> str:
    """Each alert names a section of README.md that is there."""
    text = (MONITORING / "README.md").read_text(encoding="utf-8")
    anchors = {
        line.lstrip("# ").strip().lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")
    }
    rules = yaml.safe_load((PROMETHEUS / "rules/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in rules for rule in group["rules"]):
        wanted = f"monitoring/README.md#{rule['alert'].lower()}"
        missing = {"severity", "component"} - rule["labels"].keys() or {"summary", "description", "runbook"} - rule[
            "annotations"
        ].keys()
        if missing or rule["annotations"]["runbook"] != wanted or rule["alert"].lower() not in anchors:
            raise Failure(f"{rule['alert']}: {missing or f'no section {wanted}'}")
    return f"{len(anchors)} sections"


def alertmanager() -> str:
    amtool, config = tool("amtool"), MONITORING / "alertmanager/alertmanager.yml"
    run(amtool, "check-config", config)
    for receivers, labels in (
        ("critical", "alertname=IrisAPIDown severity=critical component=api"),
        ("critical", "alertname=AvailabilityBudgetBurn severity=critical component=objectives"),
        ("warning", "alertname=HighErrorRate severity=warning component=api"),
        ("webhook", "alertname=LowPredictionRate severity=info component=model"),
        ("webhook", "alertname=Watchdog severity=none"),
    ):
        run(
            amtool,
            "config",
            "routes",
            "test",
            f"--config.file={config}",
            f"--verify.receivers={receivers}",
            *labels.split(),
        )
    if run(amtool, "config", "routes", "test", f"--config.file={config}", "severity=info").strip() != "webhook":
        raise Failure("amtool tells no receiver")
    # The templates, rendered with what Alertmanager gives them.
    alert = {
        "status": "firing",
        "labels": {"alertname": "HighLatency"},
        "annotations": {"summary": "SUMMARY", "description": "DESCRIPTION", "runbook": "README.md#highlatency"},
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "f",
    }
    labels = {"alertname": "HighLatency", "severity": "warning", "component": "api"}
    data = {
        "receiver": "r",
        "status": "firing",
        "alerts": [alert],
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(data, file)
        file.flush()
        for template, wanted in (
            ("tamis.title", "[FIRING 1] HighLatency (warning, api)"),
            ("tamis.color", "warning"),
            (
                "tamis.text",
                "FIRING: SUMMARY\nDESCRIPTION\nSince 2026-01-02 03:04:05 UTC\nRunbook: README.md#highlatency",
            ),
        ):
            text = f'{{{{ template "{template}" . }}}}'
            rendered = run(
                amtool,
                "template",
                "render",
                f"--template.glob={MONITORING}/alertmanager/templates/*.tmpl",
                f"--template.data={file.name}",
                f"--template.text={text}",
            ).strip()
            if rendered != wanted:
                raise Failure(f"{template} gives {rendered!r}, not {wanted!r}")
    # What the live test runs is this file with other addresses and times, and still valid.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "alertmanager.yml"
        path.write_text(alertmanager_config(secrets(Path(directory), free_port()), free_port()), encoding="utf-8")
        run(amtool, "check-config", path)
    return "amtool check-config, 5 routes, 3 templates"


def grafana() -> str:
    """The JSON is what build.py prints; Grafana's types keep every key; ids, titles and places are sound."""
    run(sys.executable, MONITORING / "grafana/build.py", "--check")
    from grafana_foundation_sdk.cog import plugins
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    # Of the Prometheus data source's annotation queries; the schema has the common part alone.
    own = {"titleFormat", "tagKeys"}
    wrong, uids, count = [], set(), 0
    for path in sorted((MONITORING / "grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
        wrong += [f"{path.name}{place}" for place in dropped(board, kept) if place.rsplit(".", 1)[-1] not in own]
        if path.stem != board["uid"] or board["uid"] in uids:
            wrong.append(f"{path.name}: uid {board['uid']}")
        uids.add(board["uid"])
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            if taken & cells or place["x"] + place["w"] > 24:
                wrong.append(f"{path.name}: {panel['title']} covers another panel")
            taken |= cells
            if panel["type"] != "row":
                count += 1
                if not panel["description"] or not panel["targets"] or not panel["fieldConfig"]["defaults"]["unit"]:
                    wrong.append(f"{path.name}: {panel['title']} lacks a description, a query or a unit")
    if wrong:
        raise Failure("\n".join(wrong))
    return f"{len(uids)} dashboards, {count} panels"


def dropped(written, kept, place: str = ""):
    """Where `kept` lacks something of `written` or has it changed."""
    if isinstance(written, dict) and isinstance(kept, dict):
        for key, value in written.items():
            yield from dropped(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key}"]
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for index, (one, other) in enumerate(zip(written, kept)):
            yield from dropped(one, other, f"{place}[{index}]")
    elif written != kept:
        yield place


def kubernetes() -> str:
    """Every object that deploy.sh renders, against the schemas of the oldest and the newest Kubernetes of interest."""
    import kubernetes_validate

    tool("kustomize")
    counted, custom = 0, 0
    for variant in ("own", "operator", "gke"):
        objects = rendered(variant, "elsewhere")
        references(objects, variant)
        for value in objects:
            name = f"{variant}: {value['kind']} {value['metadata']['name']}"
            if value["metadata"].get("namespace", "elsewhere") != "elsewhere":
                raise Failure(f"{name}: not in the namespace asked for")
            if "monitoring." in value["apiVersion"]:
                custom_resource(value, name)
                custom += 1
                continue
            for version in ("1.31", "1.33", "1.37"):
                try:
                    kubernetes_validate.validate(value, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    raise Failure(f"{name}: {error.message} at {list(error.path)}") from error
            counted += 1
    return f"{counted} objects, {custom} custom resources"


def rendered(variant: str, namespace: str) -> list:
    environment = os.environ | {"VARIANT": variant, "NAMESPACE": namespace, "PATH": f"{TOOLS}/bin:{os.environ['PATH']}"}
    return [value for value in yaml.safe_load_all(run("bash", DEPLOY, "render", env=environment)) if value]


def custom_resource(value: dict, name: str):
    """The rules have no schema here: they are those that promtool checks."""
    if value["kind"] not in ("PrometheusRule", "ClusterRules"):
        raise Failure(f"{name}: a {value['kind']}, of which nothing is known here")
    file = value["metadata"]["name"].removeprefix("tamis-")
    if value["spec"] != yaml.safe_load((PROMETHEUS / f"rules/{file}.yml").read_text(encoding="utf-8")):
        raise Failure(f"{name}: not the rules of {file}.yml")


def references(objects: list, overlay: str):
    """Services select pods that are there; what pods mount is there, or is the secret that deploy.sh makes."""
    made = {(value["kind"], value["metadata"]["name"]) for value in objects} | {
        ("Secret", "alertmanager-secrets"),
        ("Secret", "grafana-admin"),
    }
    pods = [value["spec"]["template"] for value in objects if value["kind"] in ("Deployment", "StatefulSet")]
    for value in objects:
        if value["kind"] == "Service":
            wanted = value["spec"]["selector"].items()
            ports = {port["targetPort"] for port in value["spec"]["ports"]}
            if not any(
                wanted <= pod["metadata"]["labels"].items()
                and ports <= {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
                for pod in pods
            ):
                raise Failure(f"{overlay}: the Service {value['metadata']['name']} selects nothing")
    for pod in pods:
        for volume in pod["spec"]["volumes"]:
            for kind, field, key in (
                ("ConfigMap", "configMap", "name"),
                ("Secret", "secret", "secretName"),
                ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"),
            ):
                if field in volume and (kind, volume[field][key]) not in made:
                    raise Failure(f"{overlay}: the {kind} {volume[field][key]} is mounted and not made")


def shell() -> str:
    """The scripts parse; deploy.sh, with a kubectl that writes down what it is asked, changes nothing when run dry."""
    scripts = [DEPLOY, MONITORING / "test-metrics-flow.sh"]
    for script in scripts:
        run("bash", "-n", script)
    run(Path(sys.executable).parent / "shellcheck", *scripts, *TOOLS_SCRIPTS)
    tool("kustomize")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        asked = directory / "asked"
        kubectl = directory / "kubectl"
        kubectl.write_text(
            f'#!/bin/sh\necho "$*" >>"{asked}"\n'
            'case "$*" in *"-f -"*) cat >/dev/null ;; *"get namespace"*) exit 1 ;; esac\n',
            encoding="utf-8",
        )
        kubectl.chmod(0o755)
        environment = os.environ | {
            "KUBECTL": str(kubectl),
            "PATH": f"{TOOLS}/bin:{os.environ['PATH']}",
            "SECRETS_DIR": name,
        }

        def deploy(command: str, **more):
            asked.write_text("", encoding="utf-8")
            done = subprocess.run(
                ["bash", str(DEPLOY), command], env=environment | more, capture_output=True, text=True, check=False
            )
            return done.returncode, asked.read_text(encoding="utf-8").splitlines(), done.stderr

        changes = ("apply", "create", "delete", "patch", "replace")
        for command, code, says, more in (
            ("nonsense", 2, "usage: deploy.sh", {}),
            ("deploy", 2, "none of own", {"VARIANT": "helm"}),
            ("deploy", 1, "slack-url is missing", {}),
            ("deploy", 1, "not installed", {"KUBECTL": "no-such-kubectl"}),
        ):
            returned, lines, said = deploy(command, **more)
            if returned != code or says not in said or any(word in changes for line in lines for word in line.split()):
                raise Failure(f"deploy.sh {command} {more}: exit {returned}, {said!r}, asked {lines}")
        for file in ("slack-url", "smtp-password", "webhook-url", "grafana-admin-password"):
            (directory / file).write_text("hidden", encoding="utf-8")
        for variant in ("own", "operator", "gke"):
            for dry in ("1", ""):
                returned, lines, said = deploy("deploy", DRY_RUN=dry, VARIANT=variant)
                made = [line for line in lines if any(word in changes for word in line.split())]
                if returned != 0 or not made or any("hidden" in line for line in lines):
                    raise Failure(f"deploy.sh deploy, {variant}: exit {returned}, {said!r}, asked {lines}")
                if dry and any("--dry-run=" not in line for line in made):
                    raise Failure(f"deploy.sh deploy, {variant}, run dry, changes something: {made}")
                if not dry and not any("apply --server-side -f -" in line for line in made):
                    raise Failure(f"deploy.sh deploy, {variant}, applies nothing: {made}")
    return f"{len(scripts)} scripts"
