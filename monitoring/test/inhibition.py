"""Which alerts hold which back, and which are told together: asked of a real Alertmanager that is given them."""

import json
import tempfile
from pathlib import Path

from common import Failure, Processes, fetch, free_port, tool, wait_for
from live_config import alertmanager_config, secrets

API = {"component": "api", "job": "iris-api"}
A, B = {"instance": "a:8000"}, {"instance": "b:8000"}


def alert(name: str, severity: str, **labels) -> dict:
    return {"alertname": name, "severity": severity, **labels}


# Alerts that fire together, each with whether it is told all the same.
CASES = {
    "an instance is down": [
        (alert("IrisAPIDown", "critical", **API, **A), True),
        # Of this instance, and of the job's API, at which somebody looks already.
        (alert("ModelNotLoaded", "critical", component="model", job="iris-api", model="iris", **A), False),
        (alert("HighLatency", "warning", **API, handler="/analyze"), False),
        # Of the other instance, of another component, of another job.
        (alert("ModelNotLoaded", "critical", component="model", job="iris-api", model="iris", **B), True),
        (alert("HighToxicityRate", "warning", component="toxicity", job="iris-api"), True),
        (alert("HighErrorRate", "warning", component="api", job="another"), True),
        (
            alert("PodCrashLooping", "warning", component="kubernetes", namespace="mlops", pod="p", container="tamis"),
            True,
        ),
    ],
    "no instance is known": [
        (alert("IrisAPIDown", "critical", **API), True),
        (alert("HighToxicityRate", "warning", component="toxicity", job="iris-api"), False),
        (alert("AvailabilityBudgetBurn", "critical", component="objectives", job="iris-api"), False),
        (
            alert("PodCrashLooping", "warning", component="kubernetes", namespace="mlops", pod="p", container="tamis"),
            True,
        ),
    ],
    "two instances are down": [
        (alert("IrisAPIDown", "critical", **API, **A), True),
        (alert("IrisAPIDown", "critical", **API, **B), True),
    ],
    "a budget burns fast": [
        (alert("AvailabilityBudgetBurn", "critical", component="objectives", job="iris-api"), True),
        (alert("AvailabilityBudgetBurn", "warning", component="objectives", job="iris-api"), False),
        (alert("HighErrorRate", "warning", **API), True),
    ],
    "a warning beside an information": [
        (alert("HighErrorRate", "warning", **API), True),
        (alert("LowPredictionRate", "info", component="model", job="iris-api"), True),
    ],
}


def check() -> str:
    for name, members in CASES.items():
        with tempfile.TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
            case(name, members, Path(directory), processes)
    return f"{len(CASES)} cases, {sum(len(members) for members in CASES.values())} alerts"


def case(name: str, members: list, directory: Path, processes: Processes):
    """Gives the alerts to an Alertmanager with the shipped rules, and asks it about each."""
    port, config = free_port(), directory / "alertmanager.yml"
    config.write_text(alertmanager_config(secrets(directory, free_port()), free_port()), encoding="utf-8")
    flags = (f"--config.file={config}", f"--storage.path={directory}/data", "--cluster.listen-address=")
    processes.start("alertmanager", tool("alertmanager"), *flags, f"--web.listen-address=127.0.0.1:{port}")
    base = f"http://127.0.0.1:{port}"
    wait_for("Alertmanager is ready", lambda: fetch(f"{base}/-/ready")[0] == 200)
    given = [{"labels": labels, "annotations": {}, "endsAt": "2999-01-01T00:00:00Z"} for labels, _ in members]
    if fetch(f"{base}/api/v2/alerts", json.dumps(given).encode())[0] != 200:
        raise Failure(f"{name}: Alertmanager takes no alerts")
    wanted = {frozenset(labels.items()): told for labels, told in members}

    def told() -> dict:
        alerts = json.loads(fetch(f"{base}/api/v2/alerts")[1])
        return {frozenset(one["labels"].items()): not one["status"]["inhibitedBy"] for one in alerts}

    try:
        wait_for(name, lambda: told() == wanted, 5)
    except Failure as late:
        wrong = [
            (dict(labels), "told" if is_told else "held back") for labels, is_told in told().items() - wanted.items()
        ]
        raise Failure(f"{name}: " + "; ".join(f"{labels} is {state}" for labels, state in wrong)) from late
    groups = json.loads(fetch(f"{base}/api/v2/alerts/groups")[1])
    if wrong := [
        group["labels"] for group in groups if group["labels"].keys() != {"alertname", "severity", "component"}
    ]:
        raise Failure(f"{name}: grouped by {wrong}")
