#!/usr/bin/env python3
"""Writes tests/judges/fold.golden: what folding makes of every character outside ASCII that Python's unicodedata knows, by its definition
(src/text/fold.rs) and Python's tables alone. A line is a run of characters and the CRC-32 of their folded forms, a line feed after each.

`tests/fold.rs` compares. Characters that came with a later Unicode than Python's are left out."""

import pathlib
import sys
import unicodedata
import zlib

# Characters without a decomposition, and what stands for them.
LATIN = {
    **dict(zip("ɑƅđðəɡħıɩȷłøʋ", "abddeghiijlou")),
    **{"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"},
    **dict.fromkeys("‘’‛′ʹʼ´", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
# What draws nothing though it is neither a format character nor a mark: fillers of Hangul, and what stands for a lost character.
BLANK = "\u115f\u1160\u3164\uffa0\ufffd"
# Format characters of three scripts that stay what they are: whether they vanish is part of the version of the way from text to ids
# (FEATURE_SPEC 2), on which models are trained.
KEPT = "\u0890\u0891\U000110cd" + "".join(map(chr, range(0x13430, 0x13440)))
MOST = 1024


def is_invisible(character: str) -> bool:
    if character in KEPT:
        return False
    category = unicodedata.category(character)
    control = category == "Cc" and not character.isspace()
    return control or category in ("Cf", "Co") or character in BLANK


def fold(character: str) -> str:
    if is_invisible(character):
        return ""
    folded = ""
    for part in unicodedata.normalize("NFKD", character):
        for lower in part.lower():
            if unicodedata.category(lower)[0] == "M" or is_invisible(lower):
                continue
            folded += " " if lower.isspace() else LATIN.get(lower, lower)
    return folded


def main() -> None:
    lines, run = [f"# Unicode {unicodedata.unidata_version}, written by tests/judges/fold.py"], []

    def end() -> None:
        if run:
            content = "".join(f"{fold(character)}\n" for character in run)
            lines.append(f"{ord(run[0]):x} {ord(run[-1]):x} {zlib.crc32(content.encode()):08x}")
            run.clear()

    for code in range(0x80, sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cn", "Cs"):
            end()
            continue
        run.append(chr(code))
        if code % MOST == MOST - 1:
            end()
    end()
    pathlib.Path(__file__).with_name("fold.golden").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
