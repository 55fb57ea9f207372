"""The bill of materials as CycloneDX 1.5 in JSON (ECMA-424)."""

import os
import uuid
from datetime import UTC, datetime

from materials import Material


def bill(crates: list[Material], libraries: list[Material], models: list[dict]) -> dict:
    ours, *others = crates
    components = [crate(other) for other in others] + [library(other) for other in libraries]
    components += [model(manifest) for manifest in models]
    inside = [component["bom-ref"] for component in components[len(others) :]]
    graph = [{"ref": reference(one), "dependsOn": needed(one, crates)} for one in crates]
    graph[0]["dependsOn"] += inside
    graph += [{"ref": name} for name in inside]
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    told = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "component": {**crate(ours), "type": "application"},
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, repr((told, components))).urn,
        "version": 1,
        "metadata": told,
        "components": components,
        "dependencies": graph,
    }


def needed(one: Material, crates: list[Material]) -> list[str]:
    references = {other.label: reference(other) for other in crates}
    return [references[label] for label in one.needs]


def reference(one: Material) -> str:
    """The package URL, which names a crate everywhere."""
    return f"pkg:cargo/{one.name}@{one.version}"


def crate(one: Material) -> dict:
    component = {**described(one), "bom-ref": reference(one), "purl": reference(one)}
    if one.checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": one.checksum}]
    return component


def library(one: Material) -> dict:
    name = f"pkg:generic/{one.name}@{one.version}"
    return {**described(one), "bom-ref": name, "purl": name}


def described(one: Material) -> dict:
    component = {"type": "library", "name": one.name, "version": one.version, "description": one.description}
    if one.authors:
        component["author"] = ", ".join(one.authors)
    component["licenses"] = [{"expression": one.terms}]
    return component


def model(manifest: dict) -> dict:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{manifest['name']}@{manifest['version']}",
        "name": manifest["name"],
        "version": manifest["version"],
        "description": manifest["description"],
        "hashes": [{"alg": "SHA-256", "content": manifest["sha256"]}],
        "licenses": [{"expression": manifest["license"]}],
    }
