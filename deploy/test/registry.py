"""A real registry on this machine, and small images in it, put there by the protocol of registries."""

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from pathlib import Path

from common import Processes, fetch, free_port, tool, wait_for

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = "application/vnd.docker.container.image.v1+json"


class Registry:
    """`address` is host and port. It ends with `processes`."""

    def __init__(self, processes: Processes, directory: Path):
        # Tools speak plain HTTP to this name alone.
        self.address = f"localhost:{free_port()}"
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}},
            "http": {"addr": self.address},
        }
        (directory / "registry.yml").write_text(json.dumps(settings), encoding="utf-8")
        processes.start("registry", tool("docker-registry"), "serve", directory / "registry.yml")
        wait_for("the registry", lambda: fetch(f"http://{self.address}/v2/")[0] == 200)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers):
        url = path if path.startswith("http") else f"http://{self.address}/v2/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib.request.urlopen(urllib.request.Request(url, body, named, method=method), timeout=10)

    def put_blob(self, name: str, content: bytes) -> dict:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = self.ask("POST", f"{name}/blobs/uploads/").headers["Location"]
        self.ask("PUT", f"{place}&digest={digest}", content, content_type="application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def put_image(self, name: str, tag: str, architecture: str, program: bytes) -> str:
        """Its digest. The image has one file, `tamis`."""
        unpacked = io.BytesIO()
        with tarfile.open(fileobj=unpacked, mode="w") as archive:
            entry = tarfile.TarInfo("tamis")
            entry.size = len(program)
            archive.addfile(entry, io.BytesIO(program))
        content = unpacked.getvalue()
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.put_blob(name, json.dumps(config).encode())},
            "layers": [{"mediaType": LAYER, **self.put_blob(name, gzip.compress(content, mtime=0))}],
        }
        answer = self.ask("PUT", f"{name}/manifests/{tag}", json.dumps(manifest).encode(), content_type=MANIFEST)
        return answer.headers["Docker-Content-Digest"]

    def index(self, name: str, reference: str) -> dict[str, str]:
        """Architectures and digests of an image that has several."""
        accepted = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
        found = json.load(self.ask("GET", f"{name}/manifests/{reference}", accept=accepted))
        return {one["platform"]["architecture"]: one["digest"] for one in found["manifests"]}
