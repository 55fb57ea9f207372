"""What deploy/k8s makes: base, every overlay, each component on top of each, and the examples of its README."""

import os
import re
from functools import cache
from itertools import product

import yaml
from common import DEPLOY, TOOLS, Failure, run, tool

KUBERNETES = DEPLOY / "k8s"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())


@cache
def rendered(overlay: str, components: str = "", image: str = "") -> str:
    """What render.sh prints."""
    tool("kustomize")
    asked = {"OVERLAY": overlay, "COMPONENTS": components, "IMAGE": image}
    path = {"PATH": f"{TOOLS}/bin:{os.environ['PATH']}"}
    return run("bash", KUBERNETES / "render.sh", env=os.environ | path | asked)


@cache
def renderings() -> dict[str, str]:
    """{name: YAML} of everything that somebody may apply."""
    made = {name: rendered(name) for name in ("base", *OVERLAYS)}
    for overlay, component in product(OVERLAYS, COMPONENTS):
        made[f"{overlay} {component}"] = rendered(overlay, component)
    readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^((?:[A-Z]+=\S+|[A-Z]+='[^']*')(?: .*)?) deploy/k8s/render\.sh", readme, re.M):
        asked = {name: quoted or plain for name, quoted, plain in re.findall(r"(\w+)=(?:'([^']*)'|(\S+))", line)}
        made[line] = rendered(asked["OVERLAY"], asked.get("COMPONENTS", ""), asked.get("IMAGE", ""))
    if not any(" IMAGE=" in name for name in made):
        raise Failure("deploy/k8s/README.md shows nobody how to set the image")
    return made


def objects(text: str) -> list[dict]:
    return [value for value in yaml.safe_load_all(text) if value]


def one(values: list[dict], kind: str) -> dict:
    found = [value for value in values if value["kind"] == kind]
    if len(found) != 1:
        raise Failure(f"{len(found)} objects are a {kind}")
    return found[0]


def container(values: list[dict]) -> dict:
    (only,) = one(values, "Deployment")["spec"]["template"]["spec"]["containers"]
    return only


def quantity(text: str | int) -> float:
    """Cores or bytes."""
    number, unit = re.fullmatch(r"(\d+)(m|Ki|Mi|Gi)?", str(text)).groups()
    return int(number) * {None: 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])
