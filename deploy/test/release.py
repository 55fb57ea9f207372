"""The release's tarball: the same bytes twice, exactly the files that it should have, and a daemon that runs."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path

from common import DAEMON, DEPLOY, ROOT, Failure, Skipped, free_port, run

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
PLATFORM = f"{os.uname().machine}-linux"
NAME = f"tamis-{VERSION}-{PLATFORM}"
# Of no commit: that the time comes from here is seen.
EPOCH = 1_234_567_890


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    with tempfile.TemporaryDirectory() as name:
        tarball = made(Path(name) / "one", {"TZ": "Asia/Tokyo"}, 0o022)
        again = made(Path(name) / "two", {"TZ": "UTC", "LC_ALL": "C", "COLUMNS": "40"}, 0o077)
        if tarball.read_bytes() != again.read_bytes():
            raise Failure("two tarballs of one binary differ")
        with tarfile.open(tarball) as archive:
            members = {member.name.removeprefix(f"{NAME}/"): member for member in archive.getmembers()}
            contents = {path: archive.extractfile(one).read() for path, one in members.items() if one.isfile()}
        rights(members)
        files(contents)
        tried = run("bash", DEPLOY / "release/try.sh", tarball, free_port()).splitlines()[-1]
        refused(again)
        return f"{len(contents)} files, {tarball.stat().st_size / 1e6:.1f} MB, the same twice; {tried}"


def made(directory: Path, environment: dict, mask: int) -> Path:
    environment = os.environ | environment | {"SOURCE_DATE_EPOCH": str(EPOCH)}
    run("bash", DEPLOY / "release/tarball.sh", DAEMON, PLATFORM, directory, env=environment, umask=mask)
    if found := {path.name for path in directory.iterdir()} ^ {f"{NAME}.tar.gz", f"{NAME}.tar.gz.sha256"}:
        raise Failure(f"in {directory}, or missing there: {sorted(found)}")
    return directory / f"{NAME}.tar.gz"


def rights(members: dict):
    """Everything is root's and of one time; only the binary is a program; only its owner may write."""
    for path, member in members.items():
        mode = 0o755 if member.isdir() or path == "bin/tamis" else 0o644
        if not (member.isdir() or member.isfile()) or member.mode != mode:
            raise Failure(f"{path}: type {member.type}, mode {member.mode:o}, not {mode:o}")
        if (member.uid, member.gid, member.mtime) != (0, 0, EPOCH):
            raise Failure(f"{path}: of {member.uid}:{member.gid} at {member.mtime}")


def files(contents: dict[str, bytes]):
    help_text = run(DAEMON, "--help")
    listed = help_text.partition("Commands:\n")[2].partition("\n\n")[0]
    commands = set(re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE)) - {"help"}
    documents = {"LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY-NOTICES.txt", "tamis.cdx.json", "tamis.env"}
    expected = {
        "bin/tamis",
        "lib/systemd/system/tamis.service",
        "share/bash-completion/completions/tamis",
        "share/fish/vendor_completions.d/tamis.fish",
        "share/man/man1/tamis.1",
        "share/zsh/site-functions/_tamis",
        *(f"share/man/man1/tamis-{command}.1" for command in commands),
        *(f"share/doc/tamis/{name}" for name in documents),
    }
    if wrong := expected ^ contents.keys():
        raise Failure(f"one too many, or missing: {sorted(wrong)}")
    if empty := [path for path, content in contents.items() if not content.strip()]:
        raise Failure(f"empty: {empty}")
    bill = json.loads(contents["share/doc/tamis/tamis.cdx.json"])
    if (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"]) != ("tamis", VERSION):
        raise Failure(f"the bill of materials is of {bill['metadata']['component']}")
    settings = set(re.findall(r"TAMIS_[A-Z_]+", run(DAEMON, "print-config")))
    shown = set(re.findall(r"^#?(\w+)=", contents["share/doc/tamis/tamis.env"].decode(), re.MULTILINE))
    if not shown or (unknown := shown - settings):
        raise Failure(f"tamis.env sets nothing, or what is no setting: {sorted(unknown)}")
    # Where this machine keeps crates and the tree is nobody's business, and differs from machine to machine.
    homes = {os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo"), str(ROOT)}
    if told := sorted(home for home in homes if home.encode() in contents["bin/tamis"]):
        raise Failure(f"the binary names directories of the machine that built it: {told}")


def refused(tarball: Path):
    """A tarball that has changed on its way is not even unpacked."""
    content = bytearray(tarball.read_bytes())
    content[len(content) // 2] ^= 1
    tarball.write_bytes(content)
    command = ["bash", str(DEPLOY / "release/try.sh"), str(tarball), str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    digest = hashlib.sha256(content).hexdigest()
    if done.returncode == 0 or "smoke.py" in done.stdout or digest in tarball.with_suffix(".gz.sha256").read_text():
        raise Failure(f"try.sh takes a tarball that has changed: {done}")
