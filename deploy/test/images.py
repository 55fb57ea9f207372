"""The images that the steps look at: built by deploy/image/build.sh, into a storage of their own, once in a run."""

import functools
import json
import os
import re
import tarfile
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from common import DEPLOY, ROOT, TOOLS, LeftOut, run, tool

CONTAINERS = Path(os.environ.get("TAMIS_CONTAINERS", ROOT / "target/containers"))


@dataclass
class Image:
    """An image as it would be sent: `compressed` bytes in all, and every file with what is in it."""

    tag: str
    seconds: int
    config: dict
    compressed: int
    files: dict[str, tuple[tarfile.TarInfo, bytes]]


@functools.cache
def building() -> Future[dict[str, tuple[str, int]]]:
    """Begins to build both, beside whatever else runs: variant to tag and seconds. It takes what is left of the cores."""
    return ThreadPoolExecutor(1).submit(build)


def build() -> dict[str, tuple[str, int]]:
    if os.geteuid() != 0:
        raise LeftOut("building and running images needs root")
    for name in ("buildah", "podman", "debootstrap"):
        tool(name)
    environment = {**os.environ, "BUILDER": "local", "TAMIS_TOOLS": TOOLS, "TAMIS_CONTAINERS": CONTAINERS}
    said = run("chrt", "--idle", "0", DEPLOY / "image/build.sh", env=environment)
    built = re.findall(r"^(\w+): image: (\S+), (\d+) s$", said, re.MULTILINE)
    return {variant: (tag, int(seconds)) for variant, tag, seconds in built}


@functools.cache
def image(variant: str) -> Image:
    """`bert` or `simple`, when it is there."""
    tag, seconds = building().result()[variant]
    [inspected] = json.loads(containers("podman", "image", "inspect", tag))
    return Image(tag, seconds, inspected, *sent(tag))


def containers(name: str, *arguments) -> str:
    """What buildah or podman says, of our storage."""
    return run(*command(name), *arguments)


def command(name: str) -> list:
    """The program with all that it keeps below CONTAINERS."""
    kept = ["--root", CONTAINERS / "storage", "--runroot", CONTAINERS / "run", "--storage-driver", "overlay"]
    if name == "podman":
        kept += ["--tmpdir", CONTAINERS / "tmp", "--network-config-dir", CONTAINERS / "networks"]
    return [tool(name), *kept]


def sent(tag: str) -> tuple[int, dict]:
    """What a registry would get: bytes, and the files of all layers."""
    with tempfile.TemporaryDirectory() as directory:
        containers("buildah", "push", "--quiet", "--format", "oci", tag, f"oci:{directory}/layout:it")
        layout = Path(directory) / "layout"

        def blob(descriptor: dict) -> Path:
            return layout / "blobs" / descriptor["digest"].replace(":", "/")

        [index] = json.loads((layout / "index.json").read_bytes())["manifests"]
        manifest = json.loads(blob(index).read_bytes())
        size = index["size"] + manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
        files = {}
        for layer in manifest["layers"]:
            with tarfile.open(blob(layer)) as archive:
                for member in archive:
                    content = archive.extractfile(member).read() if member.isfile() else b""
                    files[member.name.strip("/")] = (member, content)
        return size, files
