"""Changes a room of src/ in small ways and says which changes no test notices: `make mutants ARGS='json text'`.

A room depends on few others, so it is compiled with those alone, in a copy of the sources, and its unit tests are run: seconds a
change. What they do not notice is compiled into the daemon, which tests of tests/ are then run against, compiled once. What was
caught is not tried again when a run is taken up; TARGET/mutants/ROOM/mutants.out has the lists, `missed.txt` above all.

    mutants.py CARGO_MUTANTS TARGET ROOM... [-- OPTION...]     options go to cargo-mutants, such as --shard=0/8
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tests of tests/ that hold what a room's own do not, and need the library alone.
BESIDE = {"text": ["fold"]}
# Those that need the daemon: the quickest first.
OF_THE_DAEMON = {
    "auth": ["auth", "secrets", "auth_files"],
    "metrics": ["scrape", "status", "books", "exposition", "logs", "formats", "internals"],
    "server": [
        *("http", "h2c", "books", "hostile_framing", "batch", "oip", "pages", "overload", "codings", "hostile_bodies", "cors", "errors"),
        *("batch_lines", "logs", "auth", "lifecycle", "drain_under_load", "batch_models", "hostile_http2", "hostile_slow", "allocations"),
    ],
}
# Runs each of the tests that DAEMON_TESTS names against the daemon that was compiled, until one fails. What they started goes with them.
DAEMON = """
use std::os::unix::process::CommandExt as _;
use std::process::{Command, exit};

fn main() {
    for test in std::env::var("DAEMON_TESTS").expect("names").split(':') {
        let mut run = Command::new("timeout");
        run.args(["--signal=KILL", "90", test]).env("TAMIS_BIN", env!("CARGO_BIN_EXE_tamis")).process_group(0);
        let mut run = run.spawn().expect("timeout");
        let passed = run.wait().is_ok_and(|status| status.success());
        let _ = Command::new("pkill").args(["-KILL", "-g", &run.id().to_string()]).status();
        if !passed {
            println!("{test} failed");
            exit(1);
        }
    }
}
"""
# What a copy needs beside src/: what it is built of, and what unit tests read.
NEEDED = ["Cargo.toml", "Cargo.lock", ".clippy.toml", "LICENSE", "README.md", "benches", "docs", "models", "src", "tests"]


def modules(source: Path) -> dict[str, str]:
    """The modules that the library declares, and their declarations, attributes included."""
    declared = re.finditer(r"^(?:#\[.*\]\n)*(?:pub )?mod (\w+);\n", source.read_text(encoding="utf-8"), re.MULTILINE)
    return {found[1]: found[0] for found in declared}


def closure(room: str, known: set[str]) -> set[str]:
    """The room and all that it depends on, tests included."""
    reached, waiting = set(), {room}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        files = [*(ROOT / "src" / name).rglob("*.rs"), *(ROOT / "src").glob(f"{name}.rs")]
        text = "\n".join(re.sub(r"//.*", "", path.read_text(encoding="utf-8")) for path in files)
        named = set(re.findall(r"\bcrate::(\w+)", text))
        for group in re.findall(r"\bcrate::\{([^;]*)\};", text):
            named |= set(re.findall(r"(\w+)", group))
        waiting |= (named & known) - reached
    return reached


def copy(room: str, tree: Path, whole: bool = False):
    """The tree with the library cut down to the room and what is under it, or `whole` with the daemon, without benches, tests and lints."""
    shutil.rmtree(tree, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files", "-z", *NEEDED], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    declared = modules(ROOT / "src/lib.rs")
    library = (ROOT / "src/lib.rs").read_text(encoding="utf-8")
    kept = closure(room, set(declared))
    for name, declaration in declared.items():
        if not whole and name not in kept:
            library = library.replace(declaration, "")
    (tree / "src/lib.rs").write_text(library, encoding="utf-8")
    manifest = (tree / "Cargo.toml").read_text(encoding="utf-8")
    manifest = re.sub(rf"^\[\[(bench|test{'' if whole else '|bin'})\]\]\n(?:.+\n)*", "", manifest, flags=re.MULTILINE)
    manifest = re.sub(r"^\[lints\..*\]\n(?:.+\n)*", "", manifest, flags=re.MULTILINE)
    manifest = re.sub(r"^default-run.*\n", "autobins = false\nautobenches = false\nautotests = false\n", manifest, flags=re.MULTILINE)
    beside = "".join(f'\n[[test]]\nname = "{test}"\n' for test in BESIDE.get(room, []))
    if whole:
        (tree / "tests/daemon.rs").write_text(DAEMON, encoding="utf-8")
        beside = '\n[[test]]\nname = "daemon"\nharness = false\n'
    (tree / "Cargo.toml").write_text(manifest + beside, encoding="utf-8")


def executables(tests: list[str], environment: dict) -> list[str]:
    """Compiles these tests of tests/ as they are; answers where they lie."""
    build = ["cargo", "test", "--locked", "--no-run", "--message-format=json", *(f"--test={test}" for test in tests)]
    said = subprocess.run(build, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    built = [json.loads(line) for line in said.splitlines()]
    built = {one["target"]["name"]: one["executable"] for one in built if one.get("executable")}
    return [built[test] for test in tests]


def settle(lists: Path):
    """What ran without an end was noticed by that: it is not tried again, and kept apart in `endless.txt` beside the lists."""
    if (timeouts := lists / "timeout.txt").exists():
        for path in (lists.parent / "endless.txt", lists / "caught.txt"):
            with path.open("a", encoding="utf-8") as file:
                file.write(timeouts.read_text(encoding="utf-8"))
        timeouts.write_text("", encoding="utf-8")


def main() -> int:
    cargo_mutants, target, *rooms = sys.argv[1:]
    options = rooms[rooms.index("--") + 1 :] if "--" in rooms else []
    rooms = rooms[: rooms.index("--")] if "--" in rooms else rooms
    if unknown := [room for room in rooms if not (ROOT / "src" / room).is_dir()]:
        print(f"no room is called {', '.join(unknown)}: it is a directory of src/, such as json", file=sys.stderr)
        return 2
    missed = False
    for room in rooms:
        out = Path(target) / "mutants" / room
        # With the dependencies that other tests have compiled.
        environment = {**os.environ, "CARGO_TARGET_DIR": target}
        files = ["--in-place", "--dir", out / "tree", "--output", out, "--iterate", *options]
        # The models of loom are compiled by `make loom` alone.
        files += ["--file", f"src/{room}/**/*.rs", "--exclude", "**/interleavings.rs"]

        def change(tests: list[str], *how: str) -> bool:
            """Whether a change is left that `tests`, the targets of cargo's that are compiled, do not notice."""
            settle(out / "mutants.out")
            compiled = (f"--cargo-arg={test}" for test in tests)
            command = [cargo_mutants, "mutants", *files, *compiled, *how]
            return subprocess.run(command, env=environment, check=False).returncode != 0

        copy(room, out / "tree")
        tests = ["--lib", *(f"--test={test}" for test in BESIDE.get(room, []))]
        of_the_daemon = OF_THE_DAEMON.get(room)
        if of_the_daemon:
            # None of these rooms has tests that try all there is: they are compiled sooner than they run.
            environment |= {"CARGO_PROFILE_DEV_OPT_LEVEL": "0", "CARGO_PROFILE_DEV_DEBUG": "false"}
        # Where the daemon's follow, no others than the room's own.
        left = change(tests, "--minimum-test-timeout=10", *(["--", "--", f"{room}::"] if of_the_daemon else []))
        if left and of_the_daemon:
            environment["DAEMON_TESTS"] = ":".join(executables(of_the_daemon, environment))
            copy(room, out / "tree", whole=True)
            left = change(["--test=daemon"], "--timeout=1200")
        missed |= left
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
