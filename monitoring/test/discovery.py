"""Whom prometheus-kubernetes.yml scrapes, and as what: its relabelings, by promtool, over what a cluster describes."""

import json
import tempfile
from pathlib import Path

import yaml
from common import MONITORING, Failure, run, tool

TAMIS = {"app_kubernetes_io_name": "tamis"}
SCRAPED = {"scrape": "true", "port": "8000", "path": "/metrics"}


def pod(ip: str, labels: dict, annotations: dict, phase: str = "Running", port: str = "8000") -> dict:
    """A target of role pod: one for each port that a container declares."""
    described = {f"__meta_kubernetes_pod_label_{name}": value for name, value in labels.items()}
    described |= {
        f"__meta_kubernetes_pod_annotation_prometheus_io_{name}": value for name, value in annotations.items()
    }
    described |= {
        "__meta_kubernetes_pod_phase": phase,
        "__meta_kubernetes_pod_ip": ip,
        "__meta_kubernetes_namespace": "mlops",
        "__meta_kubernetes_pod_name": f"pod-{ip}",
        "__meta_kubernetes_pod_node_name": "node-1",
    }
    return {"targets": [f"{ip}:{port}"], "labels": described}


# Role: what a cluster has.
FOUND = {
    "pod": [
        pod("10.0.0.1", TAMIS, SCRAPED),
        # Its second port is no second target.
        pod("10.0.0.1", TAMIS, SCRAPED, port="9999"),
        pod("10.0.0.2", TAMIS, SCRAPED | {"port": "8443", "path": "/admin/metrics", "scheme": "https"}),
        pod("10.0.0.3", TAMIS, {}),
        pod("10.0.0.4", TAMIS, SCRAPED | {"scrape": "false"}),
        pod("10.0.0.5", TAMIS, SCRAPED, phase="Succeeded"),
        pod("10.0.0.6", {"app": "backend-api"}, {"scrape": "true", "port": "5000"}, port="80"),
        pod("10.0.0.7", {"app": "redis"}, {}, port="6379"),
    ],
    "endpoints": [
        {
            "targets": ["10.0.1.1:8080"],
            "labels": {
                "__meta_kubernetes_service_label_app_kubernetes_io_name": "kube-state-metrics",
                "__meta_kubernetes_endpoint_port_name": "http-metrics",
            },
        },
        {
            "targets": ["10.0.1.1:8081"],
            "labels": {
                "__meta_kubernetes_service_label_app_kubernetes_io_name": "kube-state-metrics",
                "__meta_kubernetes_endpoint_port_name": "telemetry",
            },
        },
        {
            "targets": ["10.0.1.2:80"],
            "labels": {
                "__meta_kubernetes_service_label_app_kubernetes_io_name": "other",
                "__meta_kubernetes_endpoint_port_name": "http",
            },
        },
    ],
    "node": [{"targets": ["10.0.2.1:10250"], "labels": {"__meta_kubernetes_node_name": "node-1"}}],
}

# Job: {URL: labels that the series get}.
WANTED = {
    "iris-api": {
        "http://10.0.0.1:8000/metrics": {"namespace": "mlops", "pod": "pod-10.0.0.1", "node": "node-1"},
        "https://10.0.0.2:8443/admin/metrics": {"namespace": "mlops", "pod": "pod-10.0.0.2", "node": "node-1"},
    },
    "kubernetes-pods": {
        "http://10.0.0.6:5000/metrics": {
            "app": "backend-api",
            "namespace": "mlops",
            "pod": "pod-10.0.0.6",
            "node": "node-1",
        }
    },
    "kube-state-metrics": {"http://10.0.1.1:8080/metrics": {}},
    "kubernetes-cadvisor": {
        "https://kubernetes.default.svc:443/api/v1/nodes/node-1/proxy/metrics/cadvisor": {"node": "node-1"}
    },
}


def check() -> str:
    promtool = tool("promtool")
    document = yaml.safe_load((MONITORING / "prometheus/prometheus-kubernetes.yml").read_text(encoding="utf-8"))
    del document["rule_files"]
    jobs = {}
    for job in document["scrape_configs"]:
        (discovery,) = job.pop("kubernetes_sd_configs")
        job["static_configs"] = FOUND[discovery["role"]]
        # A pod's files, which are not here.
        for name in ("tls_config", "authorization"):
            job.pop(name, None)
        jobs[job["job_name"]] = job
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "prometheus.yml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        for name in jobs:
            targets = json.loads(run(promtool, "check", "service-discovery", "--timeout=1s", path, name))
            found = {}
            for labels in (target["labels"] for target in targets if target.get("labels")):
                url = f"{labels['__scheme__']}://{labels['__address__']}{labels['__metrics_path__']}"
                found[url] = {label: value for label, value in labels.items() if not label.startswith("__")}
            wanted = {
                url: labels | {"job": name, "instance": url.split("/")[2]} for url, labels in WANTED[name].items()
            }
            if found != wanted:
                raise Failure(f"{name} finds {found}, not {wanted}")
    scraped, there = (sum(len(targets) for targets in sets.values()) for sets in (WANTED, FOUND))
    return f"{len(jobs)} jobs, {scraped} targets of {there}"
