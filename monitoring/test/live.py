"""The daemon under load, a real Prometheus that scrapes it every second, a real Alertmanager that delivers to sinks.

Alerts fire for real and resolve: many mistakes (HighErrorRate), slow bodies (HighLatency), a killed process
(IrisAPIDown), a restart whose storage does not answer (ModelNotLoaded). Every panel's and rule's expression returns
data meanwhile. The shipped files are run, with the addresses and times of live_config.py.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

import catalog
import daemon
import promql_parser as promql
from common import MONITORING, ROOT, Failure, Processes, fetch, free_port, run, tool, wait_for
from grafana_stand_in import GrafanaStandIn
from live_config import alertmanager_config, prometheus_config, rules_config, secrets, shortened
from sinks import Sinks

# Needs a cluster: kube-state-metrics and cAdvisor (external.yml).
WITHOUT_CLUSTER = ("kube_", "container_")
COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}


class Stack:
    """The running programs and what can be asked of them."""

    def __init__(self, directory: Path, processes: Processes, sinks: Sinks):
        self.directory, self.processes, self.sinks = directory, processes, sinks
        self.daemon, self.prometheus, self.alertmanager = free_port(), free_port(), free_port()
        (directory / "rules").mkdir()
        for name in ("recording.yml", "alerts.yml"):
            (directory / "rules" / name).write_text(rules_config(name), encoding="utf-8")
        (directory / "prometheus.yml").write_text(
            prometheus_config(directory, self.daemon, self.alertmanager, self.prometheus), encoding="utf-8"
        )
        (directory / "alertmanager.yml").write_text(
            alertmanager_config(secrets(directory, sinks.port), sinks.smtp_port), encoding="utf-8"
        )
        self.amtool = tool("amtool")
        processes.start(
            "alertmanager",
            tool("alertmanager"),
            f"--config.file={directory}/alertmanager.yml",
            f"--storage.path={directory}/alertmanager",
            f"--web.listen-address=127.0.0.1:{self.alertmanager}",
            "--cluster.listen-address=",
        )
        processes.start(
            "prometheus",
            tool("prometheus"),
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
            "--storage.tsdb.retention.time=15d",
            "--rules.alert.resend-delay=1s",
            "--query.lookback-delta=5s",
        )

    def ask(self, path: str):
        status, body = fetch(f"http://127.0.0.1:{self.prometheus}/api/v1/{path}")
        if status == 0:
            return None
        answer = json.loads(body)
        if answer["status"] != "success":
            raise Failure(f"Prometheus: {answer.get('error')}: {urllib.parse.unquote(path)}")
        return answer["data"]

    def has_data(self, expression: str) -> bool:
        """Whether an instant query gives at least one number."""
        data = self.ask("query?query=" + urllib.parse.quote(expression))
        values = [data["result"][1]] if data["resultType"] == "scalar" else [one["value"][1] for one in data["result"]]
        return any(value != "NaN" for value in values)

    def firing(self) -> set:
        data = self.ask("alerts") or {"alerts": []}
        return {alert["labels"]["alertname"] for alert in data["alerts"] if alert["state"] == "firing"}

    def fires(self, alert: str, *ways: str):
        wait_for(f"{alert} fires", lambda: alert in self.firing(), 60)
        wait_for(
            f"Alertmanager has {alert}",
            lambda: (
                alert
                in run(
                    self.amtool,
                    f"--alertmanager.url=http://127.0.0.1:{self.alertmanager}",
                    "alert",
                    "query",
                    "-o",
                    "simple",
                    f"alertname={alert}",
                )
            ),
            30,
        )
        self.delivered(alert, "firing", ways)

    def resolves(self, alert: str, *ways: str):
        wait_for(f"{alert} resolves", lambda: alert not in self.firing(), 60)
        self.delivered(alert, "resolved", ways)

    def delivered(self, alert: str, status: str, ways):
        for way in ways:
            wait_for(
                f"{way} is told that {alert} is {status}", lambda way=way: getattr(self.sinks, way)(alert, status), 30
            )


def operands(node) -> list:
    """What an alert's expression compares: the parts that must have data, fire or not."""
    if isinstance(node, promql.ParenExpr):
        return operands(node.expr)
    if isinstance(node, promql.Call) and node.func.name == "absent":
        return operands(node.args[0])
    if isinstance(node, promql.BinaryExpr) and str(node.op) in ("and", "or", "unless"):
        return operands(node.lhs) + operands(node.rhs)
    if isinstance(node, promql.BinaryExpr) and str(node.op) in COMPARISONS:
        return [side.prettify() for side in (node.lhs, node.rhs) if reads(side)]
    return [node.prettify()]


def reads(node) -> bool:
    """Whether it reads a metric, and is more than arithmetic of constants."""
    if isinstance(node, (promql.VectorSelector, promql.MatrixSelector)):
        return True
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr")] + list(getattr(node, "args", None) or [])
    return any(reads(part) for part in parts if part is not None)


def expressions() -> dict:
    """{where: PromQL} of everything that must return data at some time of the run."""
    wanted = {}
    for rule in catalog.rules():
        if "record" in rule:
            wanted[rule["record"]] = rule["record"]
        elif not any(name in rule["expr"] for name in WITHOUT_CLUSTER):
            for part in operands(promql.parse(shortened(rule["expr"]))):
                wanted[f"{rule['alert']}: {part}"] = part
    for uid, title, text in catalog.queries():
        if uid != "kubernetes-infrastructure":
            wanted[f"{uid}, {title}: {text}"] = catalog.filled(text, "10s", "iris-api", ".*")
    return wanted


def check() -> str:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tamis-monitoring-") as name, Sinks() as sinks:
        directory = Path(name)
        with Processes(directory) as processes:
            stack = Stack(directory, processes, sinks)
            try:
                counted = story(stack)
            except Failure as failure:
                tails = [
                    f"{log.name}: {line}"
                    for log in sorted(directory.glob("*.log"))
                    for line in log.read_text(errors="replace").splitlines()[-5:]
                ]
                raise Failure(
                    f"{failure}\nafter {time.monotonic() - begin:.0f} s, firing {sorted(stack.firing())}\n"
                    + "\n".join(tails)
                ) from failure
    return counted


def story(stack: Stack) -> str:
    process = daemon.start(stack.processes, stack.daemon, "--bert-queue", "2", "--bert-threads", "1")
    pending = expressions()
    total = len(pending)

    def evaluate() -> bool:
        """Asks again for what has not returned data yet."""
        for where in [where for where, text in pending.items() if stack.has_data(text)]:
            del pending[where]
        return not pending

    wait_for(
        "the daemon answers",
        lambda: process.poll() is not None or fetch(f"http://127.0.0.1:{stack.daemon}/livez")[0] == 200,
    )
    if process.poll() is not None:
        raise Failure("the daemon has ended")
    wait_for("Prometheus is ready", lambda: fetch(f"http://127.0.0.1:{stack.prometheus}/-/ready")[0] == 200)
    with daemon.Load(stack.daemon) as load:
        wait_for("the daemon is scraped", lambda: stack.has_data('up{job="iris-api"} == 1'), 60)
        # Two windows of healthy traffic: what else is there at the start has gone.
        time.sleep(20)
        evaluate()
        if loud := stack.firing():
            raise Failure(f"healthy traffic makes {sorted(loud)} fire")
        healthy_rules(stack)
        flow(stack)
        daemon.expect(load, 200, 404, 422)

        load.wrong, load.slow, load.flood = 0.4, daemon.CLIENTS, daemon.CLIENTS
        stack.fires("HighErrorRate", "webhook", "slack")
        stack.fires("AvailabilityBudgetBurn", "webhook", "slack", "mail")
        daemon.expect(load, 503)
        # What is refused at once is quick.
        load.flood = 0
        stack.fires("HighLatency", "webhook", "slack")
        evaluate()
        load.wrong, load.slow = 0.02, 0
        for alert in ("HighErrorRate", "HighLatency"):
            stack.resolves(alert, "webhook", "slack")

        process.kill()
        process.wait()
        stack.fires("IrisAPIDown", "webhook", "slack", "mail")
        models = shutil.copytree(ROOT / "tests/models/tiny", stack.directory / "models")
        graph = models / "tiny.onnx"
        content = graph.read_bytes()
        # Storage that does not answer: reading this file waits until somebody writes it.
        graph.unlink()
        os.mkfifo(graph)
        daemon.start(stack.processes, stack.daemon, "--model-dir", models)
        stack.resolves("IrisAPIDown", "webhook", "slack", "mail")
        stack.fires("ModelNotLoaded", "webhook", "slack", "mail")
        for reader in ("the process that tries it", "the daemon"):
            wait_for(f"{reader} reads the model", lambda: written(graph, content))
        stack.resolves("ModelNotLoaded", "webhook", "slack", "mail")
        wait_until(evaluate, 40)
    if pending:
        raise Failure("no data for\n" + "\n".join(pending))
    posts, mails = len(stack.sinks.posts), len(stack.sinks.mails)
    requests = sum(load.answers.values())
    return (
        f"4 alerts fired, were delivered and resolved, {total} expressions returned data, "
        f"{requests} requests, {posts} posts, {mails} mails"
    )


def wait_until(condition, seconds: float):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.5)


def written(fifo: Path, content: bytes) -> bool:
    """Gives `content` to whoever reads the FIFO, and puts a new one in its place for the next; false if nobody does."""
    try:
        with open(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb") as stream:
            os.set_blocking(stream.fileno(), True)
            new = fifo.with_suffix(".new")
            os.mkfifo(new)
            new.replace(fifo)
            stream.write(content)
        return True
    except OSError:
        return False


def healthy_rules(stack: Stack):
    """Every rule is evaluated without an error, every target is up, Alertmanager is known."""
    wrong = [
        f"{rule['name']}: {rule.get('lastError')}"
        for group in stack.ask("rules")["groups"]
        for rule in group["rules"]
        if rule["health"] != "ok"
    ]
    wrong += [
        f"{target['scrapeUrl']}: {target['lastError']}"
        for target in stack.ask("targets")["activeTargets"]
        if target["health"] != "up"
    ]
    if not stack.ask("alertmanagers")["activeAlertmanagers"]:
        wrong.append("Prometheus knows no Alertmanager")
    if wrong:
        raise Failure("\n".join(wrong))


def flow(stack: Stack):
    """test-metrics-flow.sh proves the flow, and says so where there is none."""
    ports = {"TAMIS_URL": stack.daemon, "PROMETHEUS_URL": stack.prometheus, "ALERTMANAGER_URL": stack.alertmanager}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    def asked(**more) -> tuple[int, str]:
        command, environment = ["bash", str(MONITORING / "test-metrics-flow.sh")], os.environ | addresses | more
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    with GrafanaStandIn(addresses["PROMETHEUS_URL"]) as grafana:
        code, said = asked(GRAFANA_URL=grafana.url)
        if code != 0 or not all(part in said for part in ("metrics flow:", "has the dashboard tamis internals")):
            raise Failure(f"test-metrics-flow.sh: {code}\n{said}")
        # A Grafana without a data source is what once went unnoticed.
        grafana.sources = []
        broken = {
            "has no Prometheus as its default data source": {"GRAFANA_URL": grafana.url},
            "is not ready": {"PROMETHEUS_URL": f"http://127.0.0.1:{free_port()}", "WAIT": "1"},
            "has no target of the job": {"JOB": "nobody", "WAIT": "1"},
        }
        for wanted, more in broken.items():
            code, said = asked(**more)
            if code != 1 or wanted not in said:
                raise Failure(f"test-metrics-flow.sh with {more}: {code}, and not {wanted!r}\n{said}")
