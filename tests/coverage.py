"""Lines that the tests ran, by room, of the summary that `cargo llvm-cov --json --summary-only` writes: `make coverage`."""

import json
import sys
from pathlib import Path


def room_of(name: str, root: Path) -> str | None:
    """`src/metrics/shard.rs` is in the room `metrics/`, `src/problem.rs` is one of its own; what is not in `src` is in none."""
    try:
        parts = Path(name).relative_to(root / "src").parts
    except ValueError:
        return None
    # A room's front may stand beside its directory.
    front = root / "src" / parts[0].removesuffix(".rs")
    return f"{front.name}/" if front.is_dir() else parts[0]


def by_room(files: list[dict], root: Path) -> dict[str, tuple[int, int]]:
    """Lines run and lines in all of each room."""
    rooms: dict[str, tuple[int, int]] = {}
    for file in files:
        if room := room_of(file["filename"], root):
            lines = file["summary"]["lines"]
            covered, count = rooms.get(room, (0, 0))
            rooms[room] = covered + lines["covered"], count + lines["count"]
    return rooms


def table(rooms: dict[str, tuple[int, int]]) -> str:
    """A row for each room, the barest first, and one for all."""
    rows = sorted(rooms.items(), key=lambda row: (row[1][0] / max(row[1][1], 1), row[0]))
    rows.append(("all", (sum(covered for covered, _ in rooms.values()), sum(count for _, count in rooms.values()))))
    told = ["| room | lines | run | |", "|---|---|---|---|"]
    told += [f"| `{room}` | {count} | {covered} | {100 * covered / max(count, 1):.1f} % |" for room, (covered, count) in rows]
    return "\n".join(told)


if __name__ == "__main__":
    summary = json.loads(Path(sys.argv[1]).read_text())
    found = by_room(summary["data"][0]["files"], Path(__file__).resolve().parent.parent)
    if not found:
        sys.exit("no file of src in the summary")
    print(table(found))
