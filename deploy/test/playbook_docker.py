"""The playbook of deploy/ansible with `tamis_install: docker`, on a machine with Debian's Docker: an image that is
loaded, run under systemd, and given another key without a restart."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from common import DAEMON, TOOLS, Failure, Skipped, wait_for
from machine import machines
from play import Site, new_key, pids, tasks

DOCKER = TOOLS / "docker"
IMAGE = "tamis-under-test:1"


def check() -> str:
    if not DAEMON.exists() or not DOCKER.exists():
        raise Skipped(f"{DAEMON} or {DOCKER} is not there: make build, make tools")
    with machines("one", layer=(DOCKER,)) as (both, directory):
        site = Site(directory, both)
        # What the package does when it is installed; and without what a machine within a machine cannot do.
        site.one.run("groupadd", "--system", "docker")
        settings = Path(f"/proc/{site.one.pid}/root/etc/docker/daemon.json")
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(json.dumps({"storage-driver": "vfs", "iptables": False, "bridge": "none"}))
        site.variables = {
            "tamis_install": "docker",
            "tamis_image": IMAGE,
            "tamis_image_archive": str(archive(directory / "image.tar")),
            "tamis_ready_seconds": 20,
            # A machine without CAP_SYS_RESOURCE gives no more than it has.
            "tamis_open_files": 4096,
        }
        key, line = new_key("first")
        site.secrets += [key, line.split(":")[1]]
        site.keep({"api-keys": line})
        site.settings["TAMIS_AUTH"] = "api-key"
        site.changed("--skip-tags=docker-package")
        serves(site, key)
        if again := site.changed("--skip-tags=docker-package"):
            raise Failure(f"the second run has changed {again}")
        rotates(site, key)
        stops(site)
    return (
        "an image loaded and run by Debian's Docker, confined; again: 0 changes; another key without a restart; drained"
    )


def archive(path: Path) -> Path:
    """An image of one file as `docker save` writes it, built as the Dockerfile's is: /tamis, as user 65532."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        files.add(DAEMON, "tamis")
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/tamis"], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as image:
        for name, content in (
            ("layer.tar", layer.getvalue()),
            ("config.json", json.dumps(config).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            image.addfile(entry, io.BytesIO(content))
    return path


def serves(site: Site, key: str):
    answers = [site.one.fetch("/model-info", "", *header)[0] for header in ((), (f"X-API-Key: {key}",))]
    if answers != [401, 200]:
        raise Failure(f"without and with the key: {answers}")
    about = json.loads(site.one.run("docker", "inspect", "tamis"))[0]
    host = about["HostConfig"]
    found = (about["Config"]["User"], host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"], host["Privileged"])
    if found != ("65532:65532", True, ["ALL"], ["no-new-privileges"], False):
        raise Failure(f"the container is not confined: {found}")


def rotates(site: Site, old: str):
    before = pids(site.one)
    key, line = new_key("second")
    site.secrets += [key, line.split(":")[1]]
    site.keep({"api-keys": line})
    done = site.play("--skip-tags=docker-package")
    if tasks(done.stdout, "changed") != {"one": ["Write the credentials"]} or pids(site.one) != before:
        raise Failure(f"not the credentials alone: {tasks(done.stdout, 'changed')}")
    wait_for("the new key", lambda: site.one.fetch("/model-info", "", f"X-API-Key: {key}")[0] == 200, 10)
    if site.one.fetch("/model-info", "", f"X-API-Key: {old}")[0] != 401:
        raise Failure("the old key still opens")


def stops(site: Site):
    site.one.run("systemctl", "stop", "tamis.service")
    journal = site.one.run("journalctl", "--no-pager", "--unit=tamis.service")
    if '"message":"stopped"' not in journal or '"gentle":true' not in journal:
        raise Failure(f"the daemon was not drained:\n{journal[-2000:]}")
