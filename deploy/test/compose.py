"""The compose files, read by Compose itself: each combination that README.md names, and what containers are held to."""

import ipaddress
import json
import os
import re
import tomllib
from pathlib import Path

import yaml
from common import DAEMON, DEPLOY, ROOT, Failure, run, tool

COMPOSE = DEPLOY / "compose"
# File names after compose.yaml.
COMBINATIONS = ((), ("auth",), ("host",), ("host", "auth"))
SECRETS = ("slack-url", "smtp-password", "webhook-url", "grafana-admin-password")
OF_KUBERNETES = {"prometheus": "prometheus", "alertmanager": "alertmanager", "grafana": "grafana"}


def resolved(combination: tuple[str, ...], secrets: Path) -> dict:
    """What Compose makes of the files."""
    files = [f"--file={COMPOSE / name}.yaml" for name in ("compose", *combination)]
    environment = os.environ | {"SECRETS_DIR": str(secrets)}
    return json.loads(run(tool("docker-compose"), *files, "config", "--format=json", env=environment))


def check() -> str:
    seen = 0
    for combination in COMBINATIONS:
        document = resolved(combination, Path("/outside"))
        wrong = [
            f"{', '.join(('compose', *combination))}: {name}: {line}"
            for name, service in document["services"].items()
            for line in (*held(name, service), *reachable(name, service, combination), *files(service))
        ]
        if wrong := wrong + secret(document):
            raise Failure("\n".join(wrong))
        seen += len(document["services"])
    if without := resolved_without_secrets():
        raise Failure(without)
    if wrong := [*versions(), *settings(), *connected()]:
        raise Failure("\n".join(wrong))
    return f"{len(COMBINATIONS)} combinations, {seen} services"


def held(name: str, service: dict):
    """Nothing to write on, no rights to gain, a share of the machine, and a way to say how it is."""
    wanted = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
    }
    yield from (f"{key} is {service.get(key)}" for key, value in wanted.items() if service.get(key) != value)
    yield from (f"no {key}" for key in ("mem_limit", "cpus", "healthcheck", "logging") if not service.get(key))
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", service.get("user", "")):
        yield f"user {service.get('user')}"
    if {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys():
        yield "more than it needs"
    if name == "tamis" and service["healthcheck"]["test"] != ["CMD", "/tamis", "healthcheck"]:
        yield "not asked by its own program"


def reachable(name: str, service: dict, combination: tuple[str, ...]):
    """The daemon by everybody, the others by this machine."""
    if "host" in combination:
        given = " ".join([*(service["command"] or []), *service.get("environment", {}).values()])
        if service.get("ports") or service["network_mode"] != "host":
            yield "not on the host's network"
        if name != "tamis" and "--web.listen-address=127.0.0.1:" not in given and "127.0.0.1" not in given.split():
            yield "listens to everybody"
        return
    for port in service["ports"]:
        local = "host_ip" in port and ipaddress.ip_address(port["host_ip"]).is_loopback
        if local == (name == "tamis"):
            yield f"published {port}"


def files(service: dict):
    """What is mounted of the repository is there, and cannot be written."""
    for volume in service.get("volumes", []):
        if volume["type"] == "bind" and not volume["source"].startswith("/outside/"):
            if not volume.get("read_only") or not Path(volume["source"]).exists():
                yield f"mounts {volume}"


def secret(document: dict) -> list[str]:
    found = {name: value["file"] for name, value in document["secrets"].items()}
    return [] if found == {name: f"/outside/{name}" for name in SECRETS} else [f"secrets {found}"]


def resolved_without_secrets() -> str:
    """Compose refuses to start with secrets from nowhere, and says why."""
    environment = {name: value for name, value in os.environ.items() if name != "SECRETS_DIR"}
    try:
        run(tool("docker-compose"), f"--file={COMPOSE}/compose.yaml", "config", "--quiet", env=environment)
    except Failure as failure:
        return "" if "outside the repository" in str(failure) else str(failure)
    return "without SECRETS_DIR nothing is refused"


def versions():
    """The daemon's is Cargo.toml's, the others' those of the cluster."""
    services = resolved((), Path("/outside"))["services"]
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
    wanted = {"tamis": f"localhost/tamis:{version}"}
    for name, file in OF_KUBERNETES.items():
        objects = yaml.safe_load_all((ROOT / f"monitoring/kubernetes/{file}.yaml").read_text(encoding="utf-8"))
        (pod,) = (value["spec"]["template"]["spec"] for value in objects if value["kind"] == "Deployment")
        wanted[name] = pod["containers"][0]["image"]
    for name, image in wanted.items():
        if services[name]["image"] != image:
            yield f"{name}: image {services[name]['image']}, not {image}"


def settings():
    known = set(re.findall(r"`(TAMIS_[A-Z_]+)`", run(DAEMON, "print-config")))
    for combination in COMBINATIONS:
        given = resolved(combination, Path("/outside"))["services"]["tamis"]["environment"]
        yield from (f"{name} is no setting" for name in given.keys() - known)


def connected():
    """Names that the configuration of monitoring/ uses are services, or this machine."""
    document = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    parts = [*document["scrape_configs"], *document["alerting"]["alertmanagers"]]
    names = {
        target.split(":")[0] for part in parts for static in part["static_configs"] for target in static["targets"]
    }
    services = resolved((), Path("/outside"))["services"]
    host = resolved(("host",), Path("/outside"))["services"]
    for name in names - {"localhost"}:
        if name not in services:
            yield f"Prometheus looks for {name}, which is no service"
        if f"{name}=127.0.0.1" not in host["prometheus"]["extra_hosts"]:
            yield f"on the host's network {name} means nothing"
