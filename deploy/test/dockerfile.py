"""The Dockerfile, read by hadolint and checkov."""

import json
import re
import tomllib

from common import ROOT, Failure, run, tool


def check() -> str:
    run(tool("hadolint"), "--failure-threshold", "style", ROOT / "Dockerfile")
    said = run(
        *(tool("checkov"), "--skip-download", "--framework", "dockerfile", "--output", "json"),
        *("--file", ROOT / "Dockerfile"),
    )
    summary = json.loads(said)["summary"]
    if summary["failed"] or not summary["passed"]:
        raise Failure(said)
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]
    rust = re.search(r"^ARG RUST_VERSION=(.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    if rust != manifest["rust-version"]:
        raise Failure(f"the Dockerfile builds with Rust {rust}, Cargo.toml says {manifest['rust-version']}")
    return f"hadolint, and checkov's {summary['passed']} checks"
