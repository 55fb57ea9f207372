"""What the binary is made of: crates as cargo resolves them, the libraries that linking adds, models."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where Debian keeps the texts of licences.
TERMS = Path("/usr/share/common-licenses")


@dataclass
class Material:
    """A crate or a library. `terms` is its licence as an SPDX expression, `texts` the files that say it in full."""

    name: str
    version: str
    terms: str
    texts: list[Path]
    authors: list[str] = field(default_factory=list)
    description: str = ""
    checksum: str = ""
    needs: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


def crates(features: str, target: str) -> list[Material]:
    """The crate of this tree first, then by name. `needs` names others by their labels."""
    known = {(package["name"], package["version"]): package for package in metadata(features, target)["packages"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum", "") for package in locked}
    needs = edges(features, target)
    found = []
    for label in needs:
        name, version = label.split()
        package = known[name, version]
        found.append(
            Material(
                name,
                version,
                # Slashes are how crates said OR before there were expressions.
                re.sub(r" ?/ ?", " OR ", package["license"] or ""),
                texts(Path(package["manifest_path"]).parent) if package["source"] else [ROOT / "LICENSE"],
                package["authors"],
                package["description"] or "",
                checksums[name, version],
                sorted(needs[label]),
            )
        )
    return [found[0], *sorted(found[1:], key=lambda crate: (crate.name, crate.version))]


def edges(features: str, target: str) -> dict[str, set[str]]:
    """Which crate needs which, both as `name version`; the crate of this tree first."""
    needs, path = {}, []
    for line in cargo(
        "tree", features, "--target", target, "--edges=normal", "--prefix=depth", "--no-dedupe"
    ).splitlines():
        depth, name, version = re.match(r"(\d+)(\S+) v(\S+)", line).groups()
        path = [*path[: int(depth)], f"{name} {version}"]
        needs.setdefault(path[-1], set())
        if len(path) > 1:
            needs[path[-2]].add(path[-1])
    return needs


def metadata(features: str, target: str) -> dict:
    return json.loads(cargo("metadata", features, "--format-version=1", "--filter-platform", target))


def cargo(command: str, features: str, *more: str) -> str:
    return said("cargo", command, "--locked", "--no-default-features", "--features", features, *more, cwd=ROOT)


def texts(directory: Path) -> list[Path]:
    """The licence files of a crate, of the C sources that it carries too."""
    named = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
    return sorted(path for path in directory.rglob("*") if named.match(path.name) and path.is_file() and not code(path))


def code(path: Path) -> bool:
    return path.suffix in {".rs", ".c", ".h", ".py", ".toml", ".json"}


def libraries() -> list[Material]:
    """What a static binary has of its toolchain."""
    rust = said("rustc", "--version").split()[1]
    glibc = said("getconf", "GNU_LIBC_VERSION").split()[1]
    gcc = said("gcc", "-dumpversion").strip()
    return [
        Material("rust-std", rust, "MIT OR Apache-2.0", [ROOT / "LICENSE"], description="Rust's standard library"),
        Material(
            "glibc",
            glibc,
            "LGPL-2.1-or-later",
            [TERMS / "LGPL-2.1"],
            description="GNU C library, linked statically",
        ),
        Material(
            "libgcc",
            gcc,
            "GPL-3.0-or-later WITH GCC-exception-3.1",
            [TERMS / "GPL-3"],
            description="GCC's runtime library, linked statically",
        ),
    ]


def models(features: str) -> list[dict]:
    """The manifests of the text models that these features put inside."""
    names = ["simple", *(["bert"] if "bert" in features else [])]
    return [tomllib.loads((ROOT / f"models/toxicity/{name}.toml").read_text(encoding="utf-8")) for name in names]


def host() -> str:
    return re.search(r"^host: (.*)$", said("rustc", "-vV"), re.MULTILINE)[1]


def said(*command: str, **more) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout
