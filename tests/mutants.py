"""Changes a room of src/ in small ways and says which changes no unit test notices: `make mutants ARGS='json text'`.

A room depends on few others, so it is compiled with those alone, in a copy of the sources: seconds a change. What was
caught is not tried again when a run is taken up; TARGET/mutants/ROOM/mutants.out has the lists, `missed.txt` above all.

    mutants.py CARGO_MUTANTS TARGET ROOM... [-- OPTION...]     options go to cargo-mutants, such as --shard=0/8
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tests of tests/ that hold what a room's own do not.
BESIDE = {"text": ["fold"]}
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


def copy(room: str, tree: Path):
    """The tree with the library cut down to the room and what is under it, without programs, benches, tests beside it and lints."""
    shutil.rmtree(tree, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files", "-z", *NEEDED], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    declared = modules(ROOT / "src/lib.rs")
    library = (ROOT / "src/lib.rs").read_text(encoding="utf-8")
    kept = closure(room, set(declared))
    for name, declaration in declared.items():
        if name not in kept:
            library = library.replace(declaration, "")
    (tree / "src/lib.rs").write_text(library, encoding="utf-8")
    manifest = (tree / "Cargo.toml").read_text(encoding="utf-8")
    manifest = re.sub(r"^\[\[(bench|test|bin)\]\]\n(?:.+\n)*", "", manifest, flags=re.MULTILINE)
    manifest = re.sub(r"^\[lints\..*\]\n(?:.+\n)*", "", manifest, flags=re.MULTILINE)
    manifest = re.sub(r"^default-run.*\n", "autobins = false\nautobenches = false\nautotests = false\n", manifest, flags=re.MULTILINE)
    beside = "".join(f'\n[[test]]\nname = "{test}"\n' for test in BESIDE.get(room, []))
    (tree / "Cargo.toml").write_text(manifest + beside, encoding="utf-8")


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
        copy(room, out / "tree")
        # With the dependencies that other tests have compiled.
        environment = {**os.environ, "CARGO_TARGET_DIR": target}
        where = ["--in-place", "--dir", out / "tree", "--output", out, "--file", f"src/{room}/**/*.rs"]
        tests = ["--lib", *(f"--test={test}" for test in BESIDE.get(room, []))]
        how = ["--iterate", "--minimum-test-timeout=10", *(f"--cargo-test-arg={test}" for test in tests), *options]
        ended = subprocess.run([cargo_mutants, "mutants", *where, *how], env=environment, check=False)
        missed |= ended.returncode != 0
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
