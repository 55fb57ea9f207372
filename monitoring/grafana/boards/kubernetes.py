"""Kubernetes - Infrastructure: pods, from cAdvisor and kube-state-metrics."""

from boards.parts import graph, panel

CONTAINERS = 'namespace=~"$namespace",container!="",container!="POD"'
PODS = 'namespace=~"$namespace"'
BY = "sum by (namespace, pod, container)"


def of_limit(used, resource):
    """A share of what the container may use."""
    limit = f'kube_pod_container_resource_limits{{{PODS},resource="{resource}"}}'
    return f"{BY} ({used}) / {BY} ({limit})"


DASHBOARD = {
    "uid": "kubernetes-infrastructure",
    "title": "Kubernetes - Infrastructure",
    "description": "CPU, memory, network and state of the pods, from cAdvisor and kube-state-metrics.",
    "variables": [("namespace", "Namespace", "label_values(kube_pod_status_phase, namespace)", True)],
    "annotations": [
        (
            "Alerts",
            "red",
            'ALERTS{component="kubernetes",alertstate="firing"}',
            "{{alertname}}",
            "severity,namespace,pod",
        )
    ],
    "rows": [
        (
            "Pods",
            [
                panel(
                    "table",
                    "Pod Status",
                    "The phase that each pod is in.",
                    "none",
                    (f"kube_pod_status_phase{{{PODS}}} == 1", ""),
                    hide=("job", "instance", "uid"),
                    size=(12, 8),
                ),
                graph(
                    "Restarts",
                    "Within the last hour. PodCrashLooping over 3 for tamis and its monitoring.",
                    "short",
                    (
                        f"sum by (pod, container) (increase(kube_pod_container_status_restarts_total{{{PODS}}}[1h]))",
                        "{{pod}} {{container}}",
                    ),
                    min=0,
                    thresholds=[(None, "green"), (3, "red")],
                ),
            ],
        ),
        (
            "CPU and memory",
            [
                graph(
                    "CPU Usage",
                    "Cores in use, by container.",
                    "short",
                    (
                        f"sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{CONTAINERS}}}[R]))",
                        "{{pod}} {{container}}",
                    ),
                    min=0,
                ),
                graph(
                    "CPU Usage of the Limit",
                    "HighCPUUsage over 80 % for 5 minutes.",
                    "percentunit",
                    (
                        of_limit(f"rate(container_cpu_usage_seconds_total{{{CONTAINERS}}}[R])", "cpu"),
                        "{{pod}} {{container}}",
                    ),
                    min=0,
                    thresholds=[(None, "green"), (0.8, "red")],
                ),
                graph(
                    "Memory Usage",
                    "Working set, by container.",
                    "bytes",
                    (
                        f"sum by (pod, container) (container_memory_working_set_bytes{{{CONTAINERS}}})",
                        "{{pod}} {{container}}",
                    ),
                    min=0,
                ),
                graph(
                    "Memory Usage of the Limit",
                    "HighMemoryUsage over 90 % for 5 minutes.",
                    "percentunit",
                    (
                        of_limit(f"container_memory_working_set_bytes{{{CONTAINERS}}}", "memory"),
                        "{{pod}} {{container}}",
                    ),
                    min=0,
                    thresholds=[(None, "green"), (0.9, "red")],
                ),
            ],
        ),
        (
            "Network",
            [
                graph(
                    "Received",
                    "By pod.",
                    "Bps",
                    (f"sum by (pod) (rate(container_network_receive_bytes_total{{{PODS}}}[R]))", "{{pod}}"),
                    min=0,
                ),
                graph(
                    "Sent",
                    "By pod.",
                    "Bps",
                    (f"sum by (pod) (rate(container_network_transmit_bytes_total{{{PODS}}}[R]))", "{{pod}}"),
                    min=0,
                ),
            ],
        ),
    ],
}
