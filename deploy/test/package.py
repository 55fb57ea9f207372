"""The crate as `cargo package` makes it: without a warning, with what its sources name and nothing else."""

import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from common import ROOT, Failure

# What cargo adds, and what a reader looks for.
COMMON = {
    ".cargo_vcs_info.json",
    "Cargo.toml",
    "Cargo.toml.orig",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
}
INCLUDED = re.compile(r'include_(?:bytes|str)!\("([^"]+)"\)')
INPUTS = re.compile(r"const INPUTS: &\[&str\] = &\[([^\]]*)\]")


def check() -> str:
    with tempfile.TemporaryDirectory() as name:
        crate = packaged(Path(name))
        with tarfile.open(crate) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            files = {str(PurePosixPath(member.name).relative_to(crate.stem)): member for member in members}
            sources = {
                path: archive.extractfile(member).read().decode()
                for path, member in files.items()
                if path.endswith(".rs")
            }
        size = crate.stat().st_size
    data = files.keys() - sources.keys() - COMMON
    wanted = needed(sources, files)
    wrong = [f"packaged, and no source names it: {path}" for path in sorted(data - wanted)]
    wrong += [f"a source names it, and it is not packaged: {path}" for path in sorted(wanted - files.keys())]
    wrong += [f"not packaged: {path}" for path in sorted(COMMON - files.keys())]
    if wrong:
        raise Failure("\n".join(wrong))
    return f"{len(files)} files, {len(sources)} of them sources, {size / 1e6:.1f} MB compressed, no warning"


def packaged(target: Path) -> Path:
    """The .crate file. No registry takes it (publish = false): what a registry shows of it is not asked for."""
    command = ["cargo", "package", "--locked", "--offline", "--no-verify", "--no-metadata", "--allow-dirty"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "CARGO_TERM_COLOR": "never"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "warning" in done.stderr:
        raise Failure(f"{' '.join(command)}\n{done.stderr}")
    (crate,) = (target / "package").glob("*.crate")
    return crate


def needed(sources: dict[str, str], files) -> set[str]:
    """What the compiler or the build script reads beside the sources."""
    paths = set()
    for source, text in sources.items():
        for named in INCLUDED.findall(text):
            paths.add(os.path.normpath(PurePosixPath(source).parent / named))
        for inputs in INPUTS.findall(text):
            for named in re.findall(r'"([^"]+)"', inputs):
                below = {path for path in files if path.startswith(f"{named}/") and not path.endswith(".rs")}
                paths |= below or {named}
    return paths - COMMON
