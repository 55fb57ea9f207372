"""Images under one name, signed, with their bills of materials, in a real registry by real tools; the GitHub release by
a `gh` that is played."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import DEPLOY, Failure, Processes, run, tool
from registry import Registry
from release import VERSION
from versions import NEWS, NEXT, numbered

ARCHITECTURES = ("amd64", "arm64")
# As files and tags name the two variants.
VARIANTS = {"bert": "", "simple": "-simple"}
BILL = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
# No engine runs here: what asks one is written down, and `docker cp` gives a bill of materials.
DOCKER = """
import os, sys
words = sys.argv[1:]
if words[0] == "buildx":
    os.execv(os.environ["DOCKER"], [os.environ["DOCKER"], *words])
with open(os.environ["ASKED"], "a") as asked:
    asked.write(" ".join(words) + "\\n")
if words[0] == "create":
    print("container-of-" + words[1].rpartition(":")[2])
elif words[0] == "cp":
    with open(words[2], "w") as bill:
        bill.write(os.environ["BILL"].replace("WHOSE", words[1]))
"""
GH = """
import os, sys
with open(os.environ["ASKED"], "a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
with open(os.environ["NOTES"], "w") as notes:
    notes.write(open(sys.argv[sys.argv.index("--notes-file") + 1]).read())
"""


def check() -> str:
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        directory = Path(name)
        registry = Registry(processes, directory)
        played(directory / "docker", DOCKER)
        played(directory / "gh", GH)
        (directory / "cosign").symlink_to(tool("cosign"))
        run(tool("cosign"), "generate-key-pair", env=os.environ | {"COSIGN_PASSWORD": ""}, cwd=directory)
        environment = os.environ | {
            "PATH": f"{directory}:{os.environ['PATH']}",
            "DOCKER": tool("docker"),
            "ASKED": str(directory / "asked"),
            "NOTES": str(directory / "notes"),
            "BILL": json.dumps(BILL | {"metadata": {"component": {"type": "application", "name": "WHOSE"}}}),
            "REGISTRY": f"{registry.address}/shop",
            "COSIGN_PASSWORD": "",
            "COSIGN_OPTIONS": f"--key {directory}/cosign.key --tlog-upload=false",
        }
        digests = pushed(registry, directory, environment)
        indices = signed(registry, directory, environment, digests)
        announced(directory, environment, indices)
    return f"{len(digests)} images under {len(indices)} names, signed, with bills; a stranger's refused; checksums"


def played(program: Path, text: str):
    program.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    program.chmod(0o755)


def pushed(registry: Registry, directory: Path, environment: dict) -> dict[tuple[str, str], str]:
    """Digests of variants and architectures. What Docker would have pushed is there already."""
    digests = {}
    for architecture in ARCHITECTURES:
        for variant, suffix in VARIANTS.items():
            tag = f"{VERSION}{suffix}-{architecture}"
            program = f"{variant} for {architecture}".encode()
            digests[variant, architecture] = registry.put_image("shop/tamis", tag, architecture, program)
        run("bash", DEPLOY / "release/publish.sh", "push", architecture, directory / "published", env=environment)
    asked = (directory / "asked").read_text(encoding="utf-8").splitlines()
    image = f"{environment['REGISTRY']}/tamis:{VERSION}"
    for line in (f"tag localhost/tamis:{VERSION}-simple {image}-simple-arm64", f"push {image}-amd64"):
        if line not in asked:
            raise Failure(f"docker was not asked to {line}: {asked}")
    for (variant, architecture), digest in digests.items():
        told = (directory / f"published/image{VARIANTS[variant]}-{architecture}.digest").read_text(encoding="utf-8")
        if told.strip() != digest:
            raise Failure(f"{variant}, {architecture}: {told!r} is noted, {digest} is there")
    return digests


def signed(registry: Registry, directory: Path, environment: dict, digests: dict) -> dict[str, str]:
    """Digests of the variants' common names."""
    said = run("bash", DEPLOY / "release/publish.sh", "index", directory / "published", env=environment)
    indices = dict(line.split("=") for line in said.splitlines())
    image = f"{environment['REGISTRY']}/tamis"
    if indices.keys() != VARIANTS.keys():
        raise Failure(f"publish.sh index prints {said!r}")
    for variant, index in indices.items():
        found = registry.index("shop/tamis", index)
        if found != {architecture: digests[variant, architecture] for architecture in ARCHITECTURES}:
            raise Failure(f"{variant}: {found}")
        verified(directory, "verify", f"{image}@{index}")
        for architecture, digest in found.items():
            verified(directory, "verify", f"{image}@{digest}")
            statement = verified(directory, "verify-attestation", "--type=cyclonedx", f"{image}@{digest}")
            predicate = json.loads(base64.b64decode(json.loads(statement)["payload"]))["predicate"]
            wanted = f"container-of-{VERSION}{VARIANTS[variant]}-{architecture}:/licenses/tamis.cdx.json"
            if predicate["metadata"]["component"]["name"] != wanted:
                raise Failure(f"{variant}, {architecture}: the bill is {predicate}")
    told = run("bash", DEPLOY / "release/publish.sh", "digest", f"{VERSION}-simple", env=environment).strip()
    if told != indices["simple"]:
        raise Failure(f"publish.sh digest prints {told!r}")
    stranger = registry.put_image("shop/tamis", "stranger", "amd64", b"somebody else's")
    try:
        verified(directory, "verify", f"{image}@{stranger}")
    except Failure:
        return indices
    raise Failure("an image that nobody has signed is verified")


def verified(directory: Path, *command) -> str:
    return run(tool("cosign"), *command, f"--key={directory}/cosign.pub", "--insecure-ignore-tlog=true")


def announced(directory: Path, environment: dict, indices: dict):
    tree, artifacts = directory / "tree", directory / "artifacts"
    numbered(tree)
    artifacts.mkdir()
    for platform in ("x86_64-linux", "aarch64-linux"):
        name = f"tamis-{NEXT}-{platform}.tar.gz"
        (artifacts / name).write_text(platform, encoding="utf-8")
        (artifacts / f"{name}.sha256").write_text(run("sha256sum", name, cwd=artifacts), encoding="utf-8")

    def announce(tag: str) -> subprocess.CompletedProcess:
        (directory / "asked").unlink(missing_ok=True)
        command = ["bash", str(tree / "deploy/release/announce.sh"), tag, str(artifacts), *indices.values()]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = announce(f"v{NEXT}")
    asked = (directory / "asked").read_text(encoding="utf-8").split() if done.returncode == 0 else []
    assets = {path.name for path in artifacts.iterdir()}
    if asked[:4] != ["release", "create", f"v{NEXT}", "--verify-tag"] or "--prerelease" not in asked:
        raise Failure(f"announce.sh asked gh for {asked}: {done.stderr}")
    if not {f"{artifacts}/{name}" for name in assets} <= set(asked) or "SHA256SUMS.sigstore.json" not in assets:
        raise Failure(f"announce.sh gives gh {asked}, there is {sorted(assets)}")
    notes = (directory / "notes").read_text(encoding="utf-8")
    if NEWS not in notes or f"tamis:{NEXT}-simple@{indices['simple']}" not in notes:
        raise Failure(f"the notes are {notes!r}")
    sums = artifacts / "SHA256SUMS"
    bundle = f"--bundle={sums}.sigstore.json"
    verified(directory, "verify-blob", bundle, sums)
    next(artifacts.glob("*aarch64*.gz")).write_text("something else", encoding="utf-8")
    for what, tag in (("a file that has changed", f"v{NEXT}"), ("another tag", "v0.0.9")):
        if announce(tag).returncode == 0 or (directory / "asked").exists():
            raise Failure(f"announce.sh publishes {what}")
