"""The workflows, by GitHub's schema, by actionlint with shellcheck, by zizmor, and what of the tree they name."""

import glob
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from common import ROOT, Failure, run, tool

GITHUB = ROOT / ".github"
SHELLCHECK = Path(sys.executable).parent / "shellcheck"
SCHEMA = ("--builtin-schema", "vendor.github-workflows")
# With each of these faults a sound workflow is not sound any more, and the linter must say why.
SOUND = """name: Sound
on: push
permissions: {}
jobs:
  one:
    name: one
    runs-on: ubuntu-24.04
    steps:
      - id: first
        run: echo "$GREETING"
        env:
          GREETING: ${{ github.event.head_commit.message }}
"""
FAULTS = (
    ("schema", "runs-on:", "run-on:", "runs-on"),
    ("actionlint", "github.event.head_commit", "steps.second.outputs", "second"),
    ("actionlint", '"$GREETING"', "$GREETING", "SC2086"),
    ("zizmor", '"$GREETING"', '"${{ github.event.head_commit.message }}"', "template-injection"),
    ("zizmor", "on: push", "on: pull_request_target", "dangerous-triggers"),
)


def check() -> str:
    files = sorted((GITHUB / "workflows").glob("*.yml"))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / ".github/workflows"
        directory.mkdir(parents=True)
        planted(directory / "planted.yml")
    for linter in ("schema", "actionlint", "zizmor"):
        run(*command(linter, *files), cwd=ROOT)
    counts = [named(file) for file in files]
    green(yaml.safe_load((GITHUB / "workflows/ci.yml").read_text(encoding="utf-8"))["jobs"])
    actions, scripts = (sum(count) for count in zip(*counts, strict=True))
    return f"{len(files)} workflows, {actions} actions, {scripts} scripts and targets; {len(FAULTS)} faults found"


def command(linter: str, *files: Path) -> list:
    return {
        "schema": [tool("check-jsonschema"), *SCHEMA, *files],
        "actionlint": [tool("actionlint"), "-shellcheck", SHELLCHECK, *files],
        "zizmor": [tool("zizmor"), "--offline", "--quiet", "--no-progress", "--config", GITHUB / "zizmor.yml", *files],
    }[linter]


def planted(file: Path):
    """Each linter passes the sound workflow and finds its fault in the other."""
    file.write_text(SOUND, encoding="utf-8")
    for linter in ("schema", "actionlint", "zizmor"):
        run(*command(linter, file), cwd=file.parent)
    for linter, sound, fault, says in FAULTS:
        text = SOUND.replace(sound, fault)
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(part) for part in command(linter, file)], cwd=file.parent, capture_output=True, text=True, check=False
        )
        if text == SOUND or done.returncode == 0 or says not in done.stdout + done.stderr:
            raise Failure(f"{linter} does not find {fault!r}: exit {done.returncode}, {done.stdout}{done.stderr}")


def named(file: Path) -> tuple[int, int]:
    """Actions are those of one commit, which a comment names; scripts, targets and patterns are there."""
    text = file.read_text(encoding="utf-8")
    actions = re.findall(r"uses: ([^.\s]\S*)(.*)", text)
    for action, comment in actions:
        if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) or not re.fullmatch(r" # v\d+\.\d+\.\d+", comment):
            raise Failure(f"{file.name}: {action}{comment} is not an action at a commit with its version behind")
    scripts = set(re.findall(r"\b(?:deploy|tests|monitoring)/[\w./-]+\.(?:sh|py)\b|\.ci/run", text))
    for script in scripts:
        if not (ROOT / script).is_file() or not (ROOT / script).stat().st_mode & 0o100:
            raise Failure(f"{file.name}: {script} is no program")
    makefiles = [ROOT / "Makefile", *ROOT.glob("deploy/**/*.mk")]
    rules = "\n".join(path.read_text(encoding="utf-8") for path in makefiles)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    made = re.findall(r"\bmake ((?:[a-z][a-z0-9-]*\b ?)+)(?!=)", code)
    targets = {target for line in made for target in line.split()}
    if missing := {target for target in targets if not re.search(rf"^{target}:", rules, re.MULTILINE)}:
        raise Failure(f"{file.name}: the Makefile has no target {sorted(missing)}")
    for pattern in re.findall(r"'([^']+)'", " ".join(re.findall(r"hashFiles\(([^)]*)\)", text))):
        if not glob.glob(pattern, root_dir=ROOT):
            raise Failure(f"{file.name}: nothing is called {pattern}")
    return len(actions), len(scripts) + len(targets)


def green(jobs: dict):
    """The last job waits for all the others, and counts them."""
    last = jobs.pop("green")
    succeeded = f'"{" ".join(["success"] * len(jobs))}"'
    if set(last["needs"]) != jobs.keys() or succeeded not in last["steps"][0]["run"]:
        raise Failure(f"ci.yml: green needs {last['needs']} and not {sorted(jobs)}")
