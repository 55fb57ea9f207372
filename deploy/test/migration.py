"""What clients of the systems that tamis replaces send is answered as migrate.md says, and every route there is one."""

import hashlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

from common import DAEMON, DEPLOY, ROOT, Failure, Processes, Skipped, fetch, free_port, wait_for
from migration_requests import FLOWER, JSON, TEXT, ask

PAGE = DEPLOY / "migrate.md"
OLD_KEY, PASSWORD = "the-key-that-clients-have-had-for-years", "a password of a student"


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    page = PAGE.read_text(encoding="utf-8")
    asked = set()
    for system in (toxicity, iris_with_key, flask, oauth2):
        with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
            asked |= system(Path(name), processes)
    told = set(re.findall(r"^\| `([A-Z]+ /[^` ]*)", page, re.MULTILINE))
    paths = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["paths"]
    if unknown := [route for route in told if route.split()[0].lower() not in paths.get(route.split()[1], {})]:
        raise Failure(f"no routes: {unknown}")
    if asked != told:
        raise Failure(f"told and not asked: {told - asked}; asked and not told: {asked - told}")
    return f"{len(told)} routes of five systems"


def start(processes: Processes, *flags) -> str:
    port = free_port()
    processes.start("daemon", DAEMON, "--listen", f"127.0.0.1:{port}", "--bert", "off", *flags)
    wait_for("the daemon is ready", lambda: fetch(f"http://127.0.0.1:{port}/readyz")[0] == 200)
    return f"http://127.0.0.1:{port}"


def toxicity(_: Path, processes: Processes) -> set[str]:
    url = start(processes)
    ask(url, "GET /", {}, None, {"message", "status", "version", "endpoints"})
    health = ask(url, "GET /health", {}, None, {"status", "model_loaded", "uptime_seconds"})
    if (health["status"], health["model_loaded"]) != ("healthy", True):
        raise Failure(f"/health: {health}")
    scored = ask(url, "POST /analyze", JSON, TEXT, {"score", "toxicity_level", "model_used", "processing_time_ms"})
    if scored["model_used"] != "simple" or not 0 <= scored["score"] <= 100:
        raise Failure(f"/analyze: {scored}")
    ask(url, "POST /analyze", {}, TEXT, {"detail", "error_type"}, 415)
    refused = ask(url, "POST /analyze", JSON, {"text": 1}, {"detail", "error_type"}, 422)
    if refused["field"] != "text":
        raise Failure(f"/analyze: {refused}")
    ask(url, "GET /docs", {}, None, set())
    names = ("toxicity_api_requests_total", "toxicity_score_distribution_bucket", "toxicity_processing_seconds_bucket")
    metrics(url, *names, "toxicity_api_active_users", "model_load_seconds_bucket", "http_requests_total")
    return {"GET /", "GET /health", "POST /analyze", "GET /metrics", "GET /docs"}


def iris_with_key(directory: Path, processes: Processes) -> set[str]:
    keys = directory / "keys"
    keys.write_text(f"clients:{hashlib.sha256(OLD_KEY.encode()).hexdigest()}\n", encoding="utf-8")
    url = start(processes, "--auth", "api-key", "--api-keys", keys)
    ask(url, "POST /predict", JSON, FLOWER, {"detail"}, 401)
    ask(url, "POST /predict", JSON | {"X-API-Key": OLD_KEY}, FLOWER, {"prediction", "confidence", "probabilities"})
    short = {name: value for name, value in FLOWER.items() if name != "petal_width"}
    ask(url, "POST /predict", JSON | {"X-API-Key": OLD_KEY}, short, {"field"}, 422)
    ask(url, "GET /health", {}, None, {"status"})
    metrics(url, "model_predictions_total", "model_confidence_bucket", 'model_loaded{model="iris"} 1', "api_errors_total")
    return {"POST /predict", "GET /health", "GET /metrics"}


def flask(_: Path, processes: Processes) -> set[str]:
    url = start(processes)
    ask(url, "GET /", {}, None, {"message"})
    answer = ask(url, "POST /predict", JSON, {"features": [5.1, 3.5, 1.4, 0.2]}, {"prediction"})
    if answer["prediction"] != "setosa":
        raise Failure(f"/predict: {answer}")
    metrics(url, 'http_requests_total{method="POST",handler="/predict",status="200"} 1')
    return {"GET /", "POST /predict", "GET /metrics"}


def oauth2(directory: Path, processes: Processes) -> set[str]:
    users, secret = directory / "users", directory / "secret"
    made = subprocess.run([DAEMON, "hash-password"], input=f"{PASSWORD}\n", capture_output=True, text=True, check=True)
    users.write_text(f"student:{made.stdout.split()[-1]}\n", encoding="utf-8")
    secret.write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    url = start(processes, "--auth", "oauth2", "--users", users, "--token-secret", secret)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"username=student&password={PASSWORD.replace(' ', '+')}"
    token = ask(url, "POST /token", form, body, {"access_token", "token_type", "expires_in", "scope"})
    wrong = ask(url, "POST /token", form, "username=student&password=wrong", {"error"}, 400)
    if (token["token_type"], wrong["error"]) != ("bearer", "invalid_grant"):
        raise Failure(f"/token: {token['token_type']}, {wrong}")
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    ask(url, "POST /predict", JSON | bearer, {"features": [5.1, 3.5, 1.4, 0.2]}, {"prediction"})
    if not isinstance(ask(url, "GET /model-info", bearer, None, {"models"})["models"], list):
        raise Failure("/model-info: models is no list")
    ask(url, "GET /model-info", {}, None, {"detail"}, 401)
    return {"POST /token", "POST /predict", "GET /model-info"}


def metrics(url: str, *beginnings: str):
    """Fails where no line of the exposition begins so."""
    lines = fetch(f"{url}/metrics")[1].decode().splitlines()
    if missing := [one for one in beginnings if not any(line.startswith(one) for line in lines)]:
        raise Failure(f"/metrics has no {missing}")
