#!/usr/bin/env python3
"""Makes a corpus small: `merge.py BINARY COMMITTED GROWN` leaves in COMMITTED the inputs of both that reach the most, each time the one
that adds most for its length, until MOST inputs or BYTES bytes. What is called `found-*` was found once, and `seed-*` was written by
hand: both stay."""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

MOST = 56
BYTES = 96 * 1024


def reached(binary: str, directories: list[pathlib.Path], scratch: pathlib.Path) -> dict[pathlib.Path, set[int]]:
    """What libFuzzer says that each input reaches."""
    control = scratch / "control"
    (scratch / "merged").mkdir()
    command = [binary, "-merge=1", "-use_counters=0", "-max_len=8192", f"-merge_control_file={control}"]
    # An input that crashes lies in GROWN or COMMITTED already: its copy goes with the scratch.
    command.append(f"-artifact_prefix={scratch}/")
    subprocess.run([*command, scratch / "merged", *directories], check=True, stderr=subprocess.DEVNULL)
    lines = control.read_text().splitlines()
    # How many files there are, how many of them were there first, the files, and then what each reaches.
    count = int(lines[0])
    files = [pathlib.Path(line) for line in lines[2 : 2 + count]]
    features: dict[pathlib.Path, set[int]] = {}
    for line in lines[2 + count :]:
        kind, index, *numbers = line.split()
        if kind in ("FT", "COV"):
            of_kind = {int(number) * 2 + (kind == "COV") for number in numbers}
            features.setdefault(files[int(index)], set()).update(of_kind)
    return features


def main() -> None:
    binary, committed, grown = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        features = reached(binary, [committed, grown], scratch)
        found = sorted([*committed.glob("found-*"), *committed.glob("seed-*")])
        covered = set().union(*(features.get(path, set()) for path in found))
        # A merge tells of each input what those before it, shorter ones, did not reach.
        left = {path: reach for path, reach in features.items() if path not in found}
        chosen: list[pathlib.Path] = []
        size = sum(path.stat().st_size for path in found)
        while left and len(found) + len(chosen) < MOST:
            best = max(left, key=lambda path: len(left[path] - covered) / (path.stat().st_size + 1024))
            if not left[best] - covered:
                break
            covered |= left.pop(best)
            if size + best.stat().st_size <= BYTES:
                chosen.append(best)
                size += best.stat().st_size
        kept = scratch / "kept"
        kept.mkdir()
        for path in chosen:
            content = path.read_bytes()
            (kept / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)
        for path in committed.iterdir():
            if path not in found:
                path.unlink()
        for path in kept.iterdir():
            shutil.copy(path, committed)
        print(f"{committed}: {len(list(committed.iterdir()))} inputs, {size} bytes, of {len(features)}")


if __name__ == "__main__":
    main()
