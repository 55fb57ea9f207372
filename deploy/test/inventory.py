"""The bill of materials and the notices inside the images, beside what cargo says and what the binary itself tells."""

import json
import re
import tempfile
from pathlib import Path

from common import ROOT, Failure, run, tool
from images import Image, image

VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(str(wrong) if wrong else 0)
"""
# Panics name the sources they come from.
SOURCE = re.compile(rb"/registry/src/[^/]+/([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[A-Za-z0-9.+-]*)/")
RULE = "=" * 100


def check() -> str:
    seen = []
    for variant, features in (("bert", "bert"), ("simple", "")):
        built = image(variant)
        wrong, told, crates = compare(built, features)
        if wrong:
            raise Failure("\n".join(f"{built.tag}: {what}" for what in wrong))
        seen.append(f"{variant}: {crates} crates, {told} of them named by the binary")
    return "; ".join(seen)


def compare(built: Image, features: str) -> tuple[list[str], int, int]:
    def text(name: str) -> str:
        return built.files[f"licenses/{name}"][1].decode()

    bill = json.loads(text("tamis.cdx.json"))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bill.json"
        file.write_text(json.dumps(bill), encoding="utf-8")
        run(tool("python-with-image"), "-c", VALIDATE, file)
    listed = {
        f"{component['name']} {component['version']}"
        for component in bill["components"]
        if component["bom-ref"].startswith("pkg:cargo/")
    }
    wrong = []
    if difference := listed ^ resolved(features):
        wrong.append(f"the bill and cargo disagree about {sorted(difference)}")
    told = {f"{name.decode()} {version.decode()}" for name, version in SOURCE.findall(built.files["tamis"][1])}
    if not told:
        wrong.append("the binary names no crate: it cannot be compared")
    if missing := told - listed:
        wrong.append(f"the binary holds {sorted(missing)}, which the bill lacks")
    models = {c["name"] for c in bill["components"] if c["type"] == "machine-learning-model"}
    if models != {"simple", *features.split()}:
        wrong.append(f"the bill names the models {models}")
    libraries = {"glibc", "libgcc", "rust-std"}
    if missing := libraries - {component["name"] for component in bill["components"]}:
        wrong.append(f"the bill lacks {missing}")
    owners = noticed(text("THIRD-PARTY-NOTICES.txt"))
    if missing := listed - owners or libraries - {owner.split()[0] for owner in owners}:
        wrong.append(f"the notices have no text for {sorted(missing)}")
    return wrong, len(told), len(listed)


def resolved(features: str) -> set[str]:
    """Every crate but ours that cargo links or runs as a macro."""
    said = run(
        *("cargo", "tree", "--locked", "--edges=normal", "--prefix=none", "--target=x86_64-unknown-linux-gnu"),
        *("--no-default-features", "--features", features),
        cwd=ROOT,
    )
    return {f"{line.split()[0]} {line.split()[1].removeprefix('v')}" for line in said.splitlines()[1:]}


def noticed(notices: str) -> set[str]:
    """Whose texts the notices hold: names above the text, where that is long enough to be one."""
    parts = notices.split(RULE)[1:]
    owners = set()
    for names, body in zip(parts[::2], parts[1::2], strict=True):
        if len(body) > 300:
            owners |= set(names.strip().split(", "))
    return owners
