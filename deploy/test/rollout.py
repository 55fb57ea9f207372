"""A rollout to a cluster that is played: what kubectl is asked is written down, kustomize renders, and a daemon answers
behind the forwarded port."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from common import DAEMON, DEPLOY, Failure, Processes, Skipped, free_port, tool
from release import VERSION
from smoke import listen

IMAGE = f"registry.example/shop/tamis@sha256:{'0123456789abcdef' * 4}"
# A Deployment is there before, unless it is NEW; its rollout ends as BROKEN says; a forwarded port is that of PORT.
KUBECTL = """
import os, shutil, sys, time
words = sys.argv[1:]
with open(os.environ["ASKED"], "a") as asked:
    asked.write(" ".join(words) + "\\n")
if "apply" in words:
    shutil.copy(words[-1], os.environ["APPLIED"])
elif "get" in words and "NEW" not in os.environ:
    print("deployment.apps/tamis")
elif "status" in words and not os.path.exists(os.environ["APPLIED"] + ".undone"):
    sys.exit("BROKEN" in os.environ)
elif "undo" in words:
    open(os.environ["APPLIED"] + ".undone", "w").close()
elif "port-forward" in words:
    print(f"Forwarding from 127.0.0.1:{os.environ['PORT']} -> 8000", flush=True)
    time.sleep(60)
"""


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        directory, port = Path(name), free_port()
        kubectl = directory / "kubectl"
        kubectl.write_text(f"#!{sys.executable}\n{KUBECTL}", encoding="utf-8")
        kubectl.chmod(0o755)
        listen(processes, f"http://127.0.0.1:{port}")
        path = f"{Path(tool('kustomize')).parent}:{os.environ['PATH']}"
        played = {"KUBECTL": str(kubectl), "PATH": path, "PORT": str(port), "COMPONENTS": "auth-api-key"}
        says, asked, applied = rolled(directory, played, IMAGE, VERSION)
        if says.returncode != 0 or asked != ["get", "apply", "rollout status", "port-forward"]:
            raise Failure(f"a good rollout: asked {asked}, {says}")
        pods(applied)
        for what, more, version, undone in (
            ("wrong version", {}, "0.0.0", True),
            ("nobody answers", {"PORT": str(free_port()), "SMOKE_SECONDS": "1"}, VERSION, True),
            ("never ready", {"BROKEN": "1"}, VERSION, True),
            ("never ready, and new", {"BROKEN": "1", "NEW": "1"}, VERSION, False),
        ):
            says, asked, _ = rolled(directory, played | more, IMAGE, version)
            back = asked[-2:] == ["rollout undo", "rollout status"]
            if says.returncode != 1 or back != undone or ("port-forward" in asked) == ("BROKEN" in more):
                raise Failure(f"{what}: asked {asked}, {says}")
        for image in ("registry.example/shop/tamis:0.1.0", "registry.example/shop/tamis@sha256:0123", ""):
            says, asked, _ = rolled(directory, played, image, VERSION)
            if says.returncode != 2 or asked:
                raise Failure(f"{image!r}: asked {asked}, {says}")
    return "the digest in every pod; undone when it is not ready, answers wrongly or not at all; 3 images refused"


def rolled(directory: Path, played: dict, image: str, version: str):
    """What rollout.sh said, what it asked kubectl for, and what it applied."""
    asked, applied = directory / "asked", directory / "applied"
    asked.write_text("", encoding="utf-8")
    for path in (applied, applied.with_name("applied.undone")):
        path.unlink(missing_ok=True)
    environment = os.environ | played | {"ASKED": str(asked), "APPLIED": str(applied)}
    command = ["bash", str(DEPLOY / "release/rollout.sh"), "gke-autopilot", image, version]
    says = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line.removeprefix("--namespace tamis ").split() for line in asked.read_text(encoding="utf-8").splitlines()]
    verbs = [" ".join(words[:2]) if words[0] == "rollout" else words[0] for words in lines]
    return says, verbs, applied


def pods(applied: Path):
    """Every pod has the image by its digest; the components asked for are in."""
    objects = list(yaml.safe_load_all(applied.read_text(encoding="utf-8")))
    images = {
        container["image"]
        for value in objects
        if value["kind"] == "Deployment"
        for container in value["spec"]["template"]["spec"]["containers"]
    }
    settings = [value["data"] for value in objects if value["kind"] == "ConfigMap"]
    if images != {IMAGE} or not any(data.get("TAMIS_AUTH") == "api-key" for data in settings):
        raise Failure(f"rolled out is {images} with {settings}")
