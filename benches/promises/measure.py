"""Measures every promise of speed and size, prints them with target and verdict, and writes them into README.md.

    python benches/promises/measure.py [--keep] [--only floor,bert] [--print]

Each measurement is a command of the Makefile or of cargo; what it printed is kept in `target/promises/NAME.txt`. `--keep`
uses what is there, `--print` leaves README.md alone. The machine must have nothing else to do.
"""

import argparse
import datetime
import subprocess
import sys
import time
from pathlib import Path

from rows import COMMANDS, ROWS

sys.path.append(str(Path(__file__).resolve().parents[1]))
from harness.common import ROOT, machine  # noqa: E402, it lies beside this folder

KEPT = ROOT / "target" / "promises"
README = ROOT / "README.md"
BEGIN, END = "<!-- performance: written by `make bench` -->\n", "<!-- /performance -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="measure only what has not been measured")
    parser.add_argument("--only", help="these measurements alone, by name: " + ", ".join(COMMANDS))
    parser.add_argument("--print", action="store_true", help="print the table, write nothing")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else list(COMMANDS)
    if unknown := set(wanted) - set(COMMANDS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        if not (arguments.keep and (KEPT / f"{name}.txt").exists()):
            run(name)
    outputs = {name: file.read_text() for name in COMMANDS if (file := KEPT / f"{name}.txt").exists()}
    text = table(outputs)
    print(text)
    if not arguments.print:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}{text}\n{END}{rest.partition(END)[2]}")


def run(name: str) -> None:
    """Runs a measurement to its end, showing what it prints; a failure is one of the whole."""
    print(f"==> {name}: {COMMANDS[name]}", file=sys.stderr, flush=True)
    begun, lines = time.monotonic(), []
    process = subprocess.Popen(
        COMMANDS[name], shell=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        sys.stderr.write(line)
        lines.append(line)
    if process.wait() != 0:
        raise SystemExit(f"{name} failed: {COMMANDS[name]}")
    (KEPT / f"{name}.txt").write_text("".join(lines))
    print(f"==> {name} done, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def table(outputs: dict[str, str]) -> str:
    """The promises as Markdown, and below them when and on what they were measured."""
    lines = ["| promise | target | measured | | held by |", "|---|---|---|---|---|"]
    for row in ROWS:
        measured = row.measure(outputs)
        if measured is None:
            told, verdict = "not measured", ""
        else:
            told = row.told(measured)
            verdict = "" if row.most is None else "met" if measured <= row.most else "**missed**"
        lines.append(f"| {row.promise} | {row.target} | {told} | {verdict} | `{row.by}` |")
    return "\n".join(lines) + f"\n\nMeasured on {datetime.date.today()} by `make bench`: {machine()}."


if __name__ == "__main__":
    main()
