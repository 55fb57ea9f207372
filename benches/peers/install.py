"""Installing the peers below .tools/peers: virtual environments, a cargo build, a model."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from common import ROOT, Failure, say


def run(command: list) -> None:
    """Runs `command`, whose output is the progress."""
    words = [str(word) for word in command]
    if subprocess.run(words).returncode != 0:
        raise Failure(f"failed: {' '.join(words)}")


@cache
def cargo(crate: Path, target: Path) -> None:
    """Builds both binaries of `crate` into `target`; cargo knows what is built already."""
    if not shutil.which("cargo"):
        raise Failure("cargo is not installed: axum and actix need Rust, as the daemon does")
    say("building axum and actix")
    options = ["--release", "--manifest-path", crate / "Cargo.toml", "--target-dir", target]
    run(["cargo", "build", *options])


def python(place: Path, requirements: Path) -> None:
    """A virtual environment with exactly `requirements`; one that has them is left as it is."""
    stamp = place / "requirements.txt"
    if stamp.is_file() and stamp.read_bytes() == requirements.read_bytes() and (place / "bin/python").exists():
        say(f"{place.name} is there")
        return
    say(f"installing {requirements.relative_to(ROOT)} into {place}")
    shutil.rmtree(place, ignore_errors=True)
    run([sys.executable, "-m", "venv", place])
    run([place / "bin/pip", "install", "--disable-pip-version-check", "--requirement", requirements])
    shutil.copy(requirements, stamp)


def iris_onnx(out: Path) -> None:
    """The forest as ONNX."""
    try:
        import forest_onnx
    except ImportError as error:
        raise Failure(f"{error}: run `make tools`, and this with .tools/venv/bin/python") from error
    forest_onnx.write(ROOT / "models/iris/forest.json", out)


def size(installed: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count as nothing."""
    if installed.is_file():
        return installed.stat().st_size
    return sum(file.lstat().st_size for file in installed.rglob("*") if file.is_file() and not file.is_symlink())
