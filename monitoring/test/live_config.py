"""The shipped configuration, with other addresses and shorter times, for a run that takes a minute and not an hour."""

import copy
import re
from pathlib import Path

import yaml
from common import MONITORING

# Windows of PromQL and what stands for each in the run. What is long stays long enough to hold the whole run.
WINDOWS = {"5m": "10s", "30m": "12s", "10m": "10s", "1h": "15s", "2h": "20s", "6h": "30s", "1d": "5m", "3d": "10m"}
FOR = "2s"


def shortened(text: str) -> str:
    return re.sub(r"\[(\w+)\]", lambda found: f"[{WINDOWS[found[1]]}]", text)


def rules_config(name: str) -> str:
    """A rule file with its windows and `for` shortened; names, labels, thresholds and annotations as they are."""
    document = yaml.safe_load((MONITORING / f"prometheus/rules/{name}").read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["expr"] = shortened(rule["expr"])
            if "for" in rule:
                rule["for"] = FOR
    return yaml.safe_dump(document, sort_keys=False)


def prometheus_config(directory: Path, daemon: int, alertmanager: int, own: int) -> str:
    """prometheus.yml for 127.0.0.1, scraping and evaluating every second."""
    document = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    document["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    document["rule_files"] = [str(directory / "rules/*.yml")]
    ports = {"tamis:8000": daemon, "alertmanager:9093": alertmanager, "localhost:9090": own}
    configurations = [*document["alerting"]["alertmanagers"], *document["scrape_configs"]]
    for static in (static for part in configurations for static in part["static_configs"]):
        static["targets"] = [f"127.0.0.1:{ports[target]}" for target in static["targets"]]
    return yaml.safe_dump(document, sort_keys=False)


def secrets(directory: Path, sink: int) -> Path:
    """The files that alertmanager.yml reads: a webhook and Slack, both at the sink's port."""
    made = directory / "secrets"
    made.mkdir(exist_ok=True)
    (made / "webhook-url").write_text(f"http://127.0.0.1:{sink}/webhook", encoding="utf-8")
    (made / "slack-url").write_text(f"http://127.0.0.1:{sink}/slack", encoding="utf-8")
    (made / "smtp-password").write_text("not a secret", encoding="utf-8")
    return made


def alertmanager_config(secret_files: Path, smtp: int) -> str:
    """alertmanager.yml with these files and this relay, which speaks no TLS and asks for no name; without the waits."""
    text = (MONITORING / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    text = text.replace("/etc/alertmanager/secrets", str(secret_files)).replace(
        "/etc/alertmanager/templates", str(MONITORING / "alertmanager/templates")
    )
    document = copy.deepcopy(yaml.safe_load(text))
    document["global"] |= {"smtp_smarthost": f"127.0.0.1:{smtp}", "smtp_require_tls": False, "resolve_timeout": "5s"}
    for name in ("smtp_auth_username", "smtp_auth_password_file"):
        del document["global"][name]
    for route in (document["route"], *document["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    return yaml.safe_dump(document, sort_keys=False)
