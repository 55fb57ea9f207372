"""compose.yaml, host.yaml and auth.yaml, run without an engine: each service's real program, given what Compose says.

Command, environment, user, mounts, secrets, names, memory and cores are those of the files; the root is this machine's,
because Prometheus and Alertmanager come as packages here and not as images. Grafana comes as neither: its data source's
address is asked, and its dashboards are looked for where its provider does.
"""

import json
import os
import sys
import urllib.parse
import urllib.request
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import compose
import yaml
from common import DAEMON, ROOT, Failure, Processes, fetch, run, tool, wait_for
from isolation import as_user, bind, inside, limits, machine, main

# Service: its program in the image. Started in this order.
PROGRAMS = {"tamis": "/tamis", "alertmanager": "/bin/alertmanager", "prometheus": "/bin/prometheus"}
ALERT = {"alertname": "IrisAPIDown", "severity": "critical", "component": "api", "job": "iris-api"}
FLOWER = b'{"features":[5.1,3.5,1.4,0.2]}'


def check() -> str:
    for name in ("docker-compose", "prometheus", "alertmanager", "amtool"):
        tool(name)
    return inside(__file__)


def story(directory: Path) -> str:
    sink = HTTPServer(("127.0.0.1", 0), Webhook)
    Thread(target=sink.serve_forever, daemon=True).start()
    secrets(directory / "secrets", sink.server_port)
    services = compose.resolved(("host", "auth"), directory / "secrets")
    files = {name: value["file"] for name, value in services["secrets"].items()}
    services = services["services"]
    # Processes end first, then the limits that they are under.
    with ExitStack() as stack, Processes(directory) as processes:
        try:
            for name, program in PROGRAMS.items():
                start(name, program, directory / name, services[name], files, processes, stack)
            return seen(directory, services)
        except Failure as failure:
            logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(directory.glob("*.log")))
            raise Failure(f"{failure}\n{logs}") from failure


class Webhook(BaseHTTPRequestHandler):
    """Whom the secrets name."""

    told: list[tuple[str, dict]] = []

    def do_POST(self):  # noqa: N802, the name that http.server calls
        self.told.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def secrets(directory: Path, webhook: int):
    """What README.md has somebody make."""
    (directory / "tamis").mkdir(parents=True)
    for name in compose.SECRETS:
        (directory / name).write_text(f"http://127.0.0.1:{webhook}/{name}", encoding="ascii")
    made = dict(line.split(maxsplit=1) for line in run(DAEMON, "new-key", "team-a").splitlines())
    (directory / "tamis/api-keys").write_text(made["line"] + "\n", encoding="ascii")
    (directory / "key").write_text(made["key"], encoding="ascii")


def start(
    name: str, program: str, root: Path, service: dict, secret_files: dict, processes: Processes, stack: ExitStack
):
    """The service as an engine would start it; a named volume is empty and its user's."""
    machine(root)
    user, group = map(int, service["user"].split(":"))
    binary, more = installed(name)
    for source, target in more.items():
        bind(source, root / target.lstrip("/"))
    bind(binary, root / program.lstrip("/"))
    for volume in service.get("volumes", []):
        source = Path(volume["source"])
        if volume["type"] == "volume":
            source = root.with_name(f"{name}-{source}")
            source.mkdir()
            os.chown(source, user, group)
        bind(source, root / volume["target"].lstrip("/"), writable=not volume.get("read_only"))
    for secret in service.get("secrets", []):
        bind(Path(secret_files[secret["source"]]), root / secret["target"].lstrip("/"))
    names = [one.split("=") for one in service["extra_hosts"]]
    (root / "etc/hosts").write_text(
        "".join(f"{address} {host}\n" for host, address in [("localhost", "127.0.0.1"), *names])
    )
    if service["read_only"]:
        run("mount", "-o", "remount,bind,ro", root)
    enter = stack.enter_context(limits(service["cpus"], int(service["mem_limit"]), name))
    command = [*as_user(service["user"], root), program, *(service["command"] or [])]
    processes.start(name, *command, env=service.get("environment") or {}, preexec_fn=enter)


def installed(name: str) -> tuple[Path, dict]:
    """The program, and what else of its package it reads."""
    if name == "tamis":
        return DAEMON.resolve(), {}
    programs = Path(tool("amtool" if name == "alertmanager" else name)).resolve().parent
    if name == "alertmanager":
        return programs / "prometheus-alertmanager", {programs.parent / "share/prometheus": "/usr/share/prometheus"}
    return programs / name, {}


def seen(directory: Path, services: dict) -> str:
    probe = services["tamis"]["healthcheck"]["test"][1:]
    inside_it = [*as_user(services["tamis"]["user"], directory / "tamis"), *probe]
    wait_for("the daemon is ready", lambda: fetch("http://127.0.0.1:8000/readyz")[0] == 200)
    run(*inside_it)
    wait_for("Alertmanager is ready", lambda: fetch("http://127.0.0.1:9093/-/ready")[0] == 200)
    alert = [{"labels": ALERT, "annotations": {"summary": "of the test"}}]
    if fetch("http://127.0.0.1:9093/api/v2/alerts", json.dumps(alert).encode())[0] != 200:
        raise Failure("Alertmanager takes no alert")
    key = (directory / "secrets/key").read_text(encoding="ascii")
    asked = [fetch("http://127.0.0.1:8000/predict", FLOWER)[0], with_key(key)]
    if asked != [401, 200]:
        raise Failure(f"without a key and with: {asked}")
    wait_for("Prometheus is ready", lambda: fetch("http://127.0.0.1:9090/-/ready")[0] == 200)

    def ask(path: str):
        return json.loads(fetch(f"http://127.0.0.1:9090/api/v1/{path}")[1])["data"]

    def targets() -> dict:
        return {target["labels"]["job"]: target["health"] for target in ask("targets?state=active")["activeTargets"]}

    wanted = {"iris-api": "up", "prometheus": "up", "alertmanager": "up"}
    wait_for("every target is up", lambda: targets() == wanted, 45)
    query = urllib.parse.quote('http_requests_total{job="iris-api",handler="/predict",status="200"}')
    series = wait_for("Prometheus stores the daemon's metrics", lambda: ask(f"query?query={query}")["result"])
    if series[0]["value"][1] != "1":
        raise Failure(f"one prediction, and Prometheus has {series}")
    rules = sum(len(group["rules"]) for group in ask("rules")["groups"])
    if rules != (shipped := sum(map(count, (ROOT / "monitoring/prometheus/rules").glob("*.yml")))):
        raise Failure(f"{rules} rules are loaded of {shipped}")
    known = [urllib.parse.urlsplit(one["url"]).netloc for one in ask("alertmanagers")["activeAlertmanagers"]]
    if known != ["alertmanager:9093"]:
        raise Failure(f"Prometheus knows {known}")
    for way in ("/slack-url", "/webhook-url"):
        wait_for(f"{way} is told", lambda way=way: [told for path, told in Webhook.told if path == way], 30)
    boards = grafana(services["grafana"])
    return (
        f"{len(wanted)} targets up, {rules} rules loaded, an alert told to Slack and webhook, a key asked for; "
        f"Grafana itself not run: its data source answers, {boards} dashboards lie where it looks"
    )


def with_key(key: str) -> int:
    request = urllib.request.Request("http://127.0.0.1:8000/predict", FLOWER)
    request.add_header("content-type", "application/json")
    request.add_header("x-api-key", key)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def count(file: Path) -> int:
    return sum(len(group["rules"]) for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"])


def grafana(service: dict) -> int:
    """Its data source, by its environment and its names, answers as Prometheus; its provider has dashboards."""

    def source(target: str) -> Path:
        return next(Path(volume["source"]) for volume in service["volumes"] if volume["target"] == target)

    place = source("/etc/grafana/provisioning/datasources") / "prometheus.yaml"
    (data,) = yaml.safe_load(place.read_text(encoding="utf-8"))["datasources"]
    url = urllib.parse.urlsplit(data["url"].replace("${PROMETHEUS_URL}", service["environment"]["PROMETHEUS_URL"]))
    address = dict(one.split("=") for one in service["extra_hosts"])[url.hostname]
    status, body = fetch(f"http://{address}:{url.port}/api/v1/query?query=up")
    if status != 200 or not json.loads(body)["data"]["result"]:
        raise Failure(f"Grafana's data source {url.geturl()} answers {status}")
    place = source("/etc/grafana/provisioning/dashboards") / "tamis.yaml"
    (provider,) = yaml.safe_load(place.read_text(encoding="utf-8"))["providers"]
    boards = [json.loads(file.read_text("utf-8")) for file in source(provider["options"]["path"]).glob("*.json")]
    home = Path(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    if not (source(str(home.parent)) / home.name).exists() or not boards:
        raise Failure(f"Grafana has {len(boards)} dashboards, and starts with {home}")
    return len(boards)


if __name__ == "__main__":
    sys.exit(main(story))
