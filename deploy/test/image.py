"""The image of both variants, built from the Dockerfile: how large it is, what is in it, what it says of itself."""

import os
import re
import tomllib

from common import ROOT, Failure, run
from images import CONTAINERS, Image, image

# Most bytes of each, compressed by gzip as builders do it.
BUDGET = {"bert": 35_000_000, "simple": 8_000_000}
FILES = {
    "tamis": 0o555,
    "licenses": 0o755,
    "licenses/LICENSE": 0o444,
    "licenses/THIRD-PARTY-NOTICES.txt": 0o444,
    "licenses/tamis.cdx.json": 0o444,
}
# Where sources and tools lie while it is built.
BUILT_IN = (b"/build/", b"/usr/local/cargo", b"/usr/local/rust", b"/root/")


def check() -> str:
    seen = []
    for variant, budget in BUDGET.items():
        built = image(variant)
        wrong = [*files(built), *settings(built), *size(built, budget)]
        if wrong:
            raise Failure("\n".join(f"{built.tag}: {what}" for what in wrong))
        sizes = f"{built.compressed / 1e6:.1f} MB compressed, binary {len(built.files['tamis'][1]) / 1e6:.1f} MB"
        seen.append(f"{variant} {sizes}, built in {built.seconds} s")
    stored = run("du", "-sm", CONTAINERS).split()[0]
    return f"{'; '.join(seen)}; storage {stored} MiB"


def files(built: Image):
    """Exactly ours, of root and not to be written, of the commit's time."""
    there = {name: member.mode & 0o7777 for name, (member, _) in built.files.items()}
    if there != FILES:
        yield f"holds {there}"
    times = {member.mtime for member, _ in built.files.values()}
    if times != {int(epoch())}:
        yield f"its files are of {times}, the commit of {epoch()}"
    if strangers := [name for name, (member, _) in built.files.items() if (member.uid, member.gid) != (0, 0)]:
        yield f"{strangers} are not root's"
    binary = built.files["tamis"][1]
    if told := [path for path in BUILT_IN if path in binary]:
        yield f"the binary names where it was built: {told}"
    # A program header that names an interpreter is what dynamic programs have.
    if b"/ld-linux" in binary[:4096]:
        yield "the binary is not static"


def settings(built: Image):
    config = built.config["Config"]
    expected = {
        "User": "65532:65532",
        "Entrypoint": ["/tamis"],
        "Cmd": None,
        "ExposedPorts": {"8000/tcp": {}},
        "Volumes": None,
    }
    for name, value in expected.items():
        if config.get(name) != value:
            yield f"{name} is {config.get(name)}, not {value}"
    health = built.config.get("Healthcheck") or built.config["HealthCheck"]
    if health["Test"] != ["CMD", "/tamis", "healthcheck"]:
        yield f"its health is checked by {health}"
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
    labels = {
        "version": version,
        "revision": run("git", "-C", ROOT, "rev-parse", "HEAD").strip(),
        "licenses": "Apache-2.0",
        "title": "tamis",
    }
    for name, value in labels.items():
        if (said := config["Labels"].get(f"org.opencontainers.image.{name}")) != value:
            yield f"the label {name} is {said}, not {value}"
    if secret := [variable for variable in config["Env"] or [] if not re.match(r"PATH=", variable)]:
        yield f"has variables: {secret}"


def size(built: Image, budget: int):
    if built.compressed > budget:
        yield f"{built.compressed} bytes compressed, more than {budget}"


def epoch() -> str:
    return os.environ.get("SOURCE_DATE_EPOCH") or run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()
