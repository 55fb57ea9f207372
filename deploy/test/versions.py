"""The scripts that number a release, on a copy of the files that carry the version."""

import shutil
import subprocess
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from common import DEPLOY, ROOT, Failure, run

COPIED = ("Cargo.toml", "Cargo.lock", "CHANGELOG.md", "docs/openapi.json")
# Text that no release has.
NEXT = "9.8.7-rc.1"
NEWS = "- What only this test says."


def check() -> str:
    version = run("bash", DEPLOY / "release/version.sh").strip()
    if version != tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]:
        raise Failure(f"version.sh says {version!r}")
    run("bash", DEPLOY / "release/version.sh", "--check")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        news = copied(copy)
        release(copy, version)
        refusals(copy, news)
    return f"{version} everywhere; {NEXT} set, dated, checked and cut from the notes of a copy"


def copied(copy: Path) -> str:
    """Copies what has the version, with a changelog of ours, which is returned."""
    for path in COPIED:
        (copy / path).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / path, copy / path)
    shutil.copytree(DEPLOY, copy / "deploy", ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    before, heading, after = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("## [Unreleased]\n")
    if not after.strip():
        raise Failure("CHANGELOG.md has no section [Unreleased]")
    news = f"{before}{heading}\n### Added\n\n{NEWS}\n\n## [0.0.1] - 2001-02-03\n\n- Old news.\n"
    (copy / "CHANGELOG.md").write_text(news, encoding="utf-8")
    return news


def numbered(copy: Path):
    """Makes a copy that is ready to be released as NEXT."""
    copied(copy)
    version = run("bash", copy / "deploy/release/version.sh").strip()
    run("bash", copy / "deploy/release/version.sh", NEXT)
    described(copy, version)
    run("bash", copy / "deploy/release/check.sh", f"v{NEXT}")


def described(copy: Path, version: str):
    """In the place of `make documents`."""
    description = copy / "docs/openapi.json"
    text = description.read_text(encoding="utf-8")
    description.write_text(text.replace(f'"version": "{version}"', f'"version": "{NEXT}"'), encoding="utf-8")


def script(copy: Path, name: str, *arguments: str) -> subprocess.CompletedProcess:
    command = ["bash", str(copy / "deploy/release" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def release(copy: Path, version: str):
    """A new version is set; the tag is refused until docs/openapi.json has it too; the notes are the section's."""
    done = script(copy, "version.sh", NEXT)
    if done.returncode != 0:
        raise Failure(f"version.sh {NEXT}: {done}")
    today = datetime.now(UTC).date()
    expected = {
        "Cargo.toml": f'\nversion = "{NEXT}"\n',
        "Cargo.lock": f'\nname = "tamis"\nversion = "{NEXT}"\n',
        "CHANGELOG.md": f"## [Unreleased]\n\n## [{NEXT}] - {today}\n",
    }
    for path, wanted in expected.items():
        if wanted not in (copy / path).read_text(encoding="utf-8"):
            raise Failure(f"version.sh {NEXT}: no {wanted!r} in {path}\n{done.stdout}{done.stderr}")
    refused = script(copy, "check.sh", f"v{NEXT}")
    if refused.returncode == 0 or "docs/openapi.json" not in refused.stderr or "Cargo.lock" in refused.stderr:
        raise Failure(f"check.sh takes an old docs/openapi.json: {refused}")
    described(copy, version)
    run("bash", copy / "deploy/release/check.sh", f"v{NEXT}")
    notes = run("bash", copy / "deploy/release/notes.sh", NEXT)
    if notes != f"### Added\n\n{NEWS}\n":
        raise Failure(f"notes.sh {NEXT} says {notes!r}")


def refusals(copy: Path, news: str):
    cases = (
        ("check.sh", "v9.8.8", 1, "the tag is v9.8.8"),
        ("check.sh", NEXT, 1, f"the tag is {NEXT}"),
        ("version.sh", NEXT, 1, "has a section"),
        ("version.sh", "9.8", 2, "no semantic version"),
        ("notes.sh", "9.8.7", 1, "no section"),
        # Nothing has been noted since.
        ("version.sh", "9.9.0", 1, "no section [Unreleased]"),
    )
    for name, argument, code, says in cases:
        done = script(copy, name, argument)
        if done.returncode != code or says not in done.stderr:
            raise Failure(f"{name} {argument}: exit {done.returncode}, {done.stderr!r}; not {code}, {says!r}")
    (copy / "CHANGELOG.md").write_text(news, encoding="utf-8")
    undated = script(copy, "check.sh", f"v{NEXT}")
    if undated.returncode != 1 or "YYYY-MM-DD" not in undated.stderr:
        raise Failure(f"check.sh takes a version without a dated section: {undated}")
