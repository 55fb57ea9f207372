"""What must agree between the manifests of one rendering, and with the daemon, Autopilot and monitoring/.

Each function takes the objects and says what is wrong with them.
"""

import json
import re

from common import DAEMON, ROOT, run
from kustomize import container, objects, one, quantity, seconds

PROBES = ("startup", "readiness", "liveness")
# Custom resources have no schema here: what we use of them, by their documentation.
MONITORS = {
    "ServiceMonitor": {"port", "targetPort", "path", "interval", "scrapeTimeout", "relabelings"},
    "PodMonitoring": {"port", "path", "interval", "timeout"},
}
# Google's documentation of Autopilot, general-purpose, where pods may use more than they request: cores, bytes, bytes.
AUTOPILOT_LEAST = {"cpu": 0.05, "memory": 52 * 2**20, "ephemeral-storage": 10 * 2**20}
AUTOPILOT_GIB_PER_CORE = (1, 6.5)


def names(values: list[dict]):
    """Who names another names one that is there."""
    deployment = one(values, "Deployment")
    pod, only = deployment["spec"]["template"], container(values)
    labels, ports = pod["metadata"]["labels"].items(), {port["name"]: port["containerPort"] for port in only["ports"]}
    service, policy = one(values, "Service")["spec"], one(values, "NetworkPolicy")["spec"]
    selectors = {
        "Deployment": deployment["spec"]["selector"]["matchLabels"],
        "Service": service["selector"],
        "NetworkPolicy": policy["podSelector"]["matchLabels"],
    }
    selectors |= {
        f"{value['kind']} {value['metadata']['name']}": value["spec"]["selector"]["matchLabels"]
        for value in values
        if value["kind"] in ("PodDisruptionBudget", *MONITORS)
    }
    spreads = pod["spec"]["topologySpreadConstraints"]
    selectors |= {f"spread by {rule['topologyKey']}": rule["labelSelector"]["matchLabels"] for rule in spreads}
    yield from (f"{who} selects no pod of ours" for who, wanted in selectors.items() if not wanted.items() <= labels)
    named = {"Service": [port["targetPort"] for port in service["ports"]]}
    named |= {
        value["kind"]: [endpoint.get("port") or endpoint["targetPort"] for endpoint in value["spec"]["endpoints"]]
        for value in values
        if value["kind"] in MONITORS
    }
    named["NetworkPolicy"] = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    named |= {f"{kind}Probe": [only[f"{kind}Probe"]["httpGet"]["port"]] for kind in PROBES}
    yield from (
        f"{who} names a port that is none: {port}" for who, all_ in named.items() for port in all_ if port not in ports
    )
    if [(port["port"], ports.get(port["targetPort"])) for port in service["ports"]] != [(80, 8000)]:
        yield "the Service is not 80 -> 8000"
    if not re.search(rf"\| `--listen` \|.*\| `0\.0\.0\.0:{ports['http']}` \|", run(DAEMON, "print-config")):
        yield f"the daemon does not listen on {ports['http']} by itself"
    routes = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["paths"]
    paths = [only[f"{kind}Probe"]["httpGet"]["path"] for kind in PROBES]
    if paths != ["/startupz", "/readyz", "/livez"] or not set(paths) <= routes.keys():
        yield f"probes ask {paths}"
    names = {(value["kind"], value["metadata"]["name"]) for value in values}
    for kind, name in (
        ("ServiceAccount", pod["spec"]["serviceAccountName"]),
        ("ConfigMap", only["envFrom"][0]["configMapRef"]["name"]),
        *(("Deployment", v["spec"]["scaleTargetRef"]["name"]) for v in values if "scaleTargetRef" in v.get("spec", {})),
    ):
        if (kind, name) not in names:
            yield f"there is no {kind} {name}"
    spaces = {value["metadata"].get("namespace") for value in values if value["kind"] != "Namespace"}
    if spaces != {one(values, "Namespace")["metadata"]["name"]}:
        yield f"objects are in {spaces}"
    if any(value["kind"] == "HorizontalPodAutoscaler" for value in values) == ("replicas" in deployment["spec"]):
        yield "replicas are set by both Deployment and autoscaler, or by neither"
    if any(value["kind"] == "Secret" for value in values):
        yield "a Secret comes from the repository"


def safety(values: list[dict]):
    """The pod security standard `restricted`, of which checkov asks a part, and what the daemon does not need."""
    pod, only = one(values, "Deployment")["spec"]["template"]["spec"], container(values)
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    if only["securityContext"] != wanted or not pod["securityContext"]["runAsNonRoot"]:
        yield f"security context {only['securityContext']}"
    if pod["securityContext"]["seccompProfile"] != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if pod["automountServiceAccountToken"] is not False or pod["enableServiceLinks"] is not False:
        yield "a token or the variables of Services come in"
    if {key for volume in pod["volumes"] for key in volume} - {"name", "secret"}:
        yield "volumes other than secrets"
    if one(values, "NetworkPolicy")["spec"]["egress"] or "hostNetwork" in pod or "hostPort" in only["ports"][0]:
        yield "the network is wider than it need be"


def settings(values: list[dict]):
    """Variables are flags; a drain fits into the grace that a pod has."""
    data = one(values, "ConfigMap")["data"]
    known = set(re.findall(r"`(TAMIS_[A-Z_]+)`", run(DAEMON, "print-config")))
    yield from (f"{name} is no setting" for name in data.keys() - known)
    drain = seconds(data.get("TAMIS_DRAIN_DELAY", "0s")) + seconds(data.get("TAMIS_DRAIN_TIMEOUT", "20s"))
    grace = one(values, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    if grace < drain + 5:
        yield f"a drain of {drain} s in a grace of {grace} s"


def scrape(values: list[dict]):
    """Annotations, monitors and policies let every Prometheus of monitoring/ in."""
    pod, only = one(values, "Deployment")["spec"]["template"], container(values)
    # The one port, or that of components/admin-port.
    port = only["ports"][-1]
    wanted = {"scrape": "true", "port": str(port["containerPort"]), "path": "/metrics"}
    found = {key.removeprefix("prometheus.io/"): value for key, value in pod["metadata"]["annotations"].items()}
    if found != wanted:
        yield f"annotations {found}"
    # Any namespace: that of monitoring/kubernetes too, whose Prometheus may reach any port.
    everybody, *cluster = one(values, "NetworkPolicy")["spec"]["ingress"]
    if "from" in everybody or any(rule["from"] != [{"namespaceSelector": {}}] for rule in cluster):
        yield "not everybody may ask"
    if port["name"] not in {rule_["port"] for rule in (everybody, *cluster) for rule_ in rule["ports"]}:
        yield f"nobody may ask on the port {port['name']}"
    if len(cluster) != len(only["ports"]) - 1 or any(
        only[f"{p}Probe"]["httpGet"]["port"] != port["name"] for p in PROBES
    ):
        yield "probes and metrics are on different ports"
    policies = objects((ROOT / "monitoring/kubernetes/networkpolicies.yaml").read_text(encoding="utf-8"))
    if next(p for p in policies if p["metadata"]["name"] == "prometheus")["spec"]["egress"] != [{}]:
        yield "Prometheus may not go everywhere"
    service = one(values, "Service")
    for value in (value for value in values if value["kind"] in MONITORS):
        (endpoint,), name = value["spec"]["endpoints"], value["metadata"]["name"]
        asked = endpoint.get("port") or endpoint["targetPort"]
        if endpoint.keys() - MONITORS[value["kind"]] or asked != port["name"] or endpoint["path"] != "/metrics":
            yield f"{value['kind']}: {endpoint}"
        jobs = [one_["replacement"] for one_ in endpoint.get("relabelings", []) if one_["targetLabel"] == "job"]
        if (jobs or [name]) != ["iris-api"]:
            yield f"{value['kind']}: the job is {jobs or name}"
        if not value["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
            yield f"{value['kind']} does not see the Service"


def room(values: list[dict]):
    """Requests that Autopilot takes as they are: at least its least, in its ratio, no memory beyond them."""
    requests, limits = (container(values)["resources"][part] for part in ("requests", "limits"))
    yield from (f"{name} below {least}" for name, least in AUTOPILOT_LEAST.items() if quantity(requests[name]) < least)
    ratio = quantity(requests["memory"]) / 2**30 / quantity(requests["cpu"])
    if not AUTOPILOT_GIB_PER_CORE[0] <= ratio <= AUTOPILOT_GIB_PER_CORE[1]:
        yield f"{ratio:.2f} GiB a core"
    if limits["memory"] != requests["memory"] or quantity(limits["cpu"]) < quantity(requests["cpu"]):
        yield f"limits {limits} for {requests}"


CHECKS = (names, safety, settings, scrape, room)
