"""The notices: who wrote what is inside, and under which terms, with each text once."""

from materials import ROOT, Material

HEAD = """THIRD-PARTY NOTICES

tamis is licensed under Apache-2.0 (LICENSE). It contains what is listed here, under the terms that stand beside each;
where these are a choice, take the one that suits you. The texts follow, each once. glibc is linked statically: build
tamis from its source with another version to replace it (LGPL-2.1, section 6). So is libgcc, whose Runtime Library
Exception 3.1 lets the programs that it is linked into have terms of their own.
"""
RULE = "=" * 100
# For crates under MIT that carry no text.
MIT = """MIT License

Copyright (c) {authors}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
BASE_MODEL = (
    "The model `bert` is derived from all-MiniLM-L6-v2 of the sentence-transformers project, under Apache-2.0.\n"
)


def text(crates: list[Material], libraries: list[Material], models: list[dict]) -> str:
    """Every material but our own with its terms, then every text with whose it is."""
    materials = [*crates[1:], *libraries]
    listed = "".join(f"{one.label}: {one.terms}\n" for one in materials)
    owners, bodies = {}, {}
    for one in materials:
        for body in said_by(one):
            same = " ".join(body.split())
            bodies.setdefault(same, body)
            owners.setdefault(same, []).append(one.label)
    parts = [
        f"{RULE}\n{', '.join(dict.fromkeys(owners[same]))}\n{RULE}\n\n{body.strip()}\n" for same, body in bodies.items()
    ]
    derived = [BASE_MODEL] if any(model["name"] == "bert" for model in models) else []
    return "\n".join([HEAD, *derived, listed, *parts])


def said_by(one: Material) -> list[str]:
    """The texts that it carries; where it carries none, that of the licence which it allows."""
    if one.texts:
        return [path.read_text(encoding="utf-8", errors="replace") for path in one.texts]
    if "Apache-2.0" in one.terms:
        return [(ROOT / "LICENSE").read_text(encoding="utf-8")]
    if "MIT" in one.terms:
        return [MIT.format(authors=", ".join(one.authors) or f"the authors of {one.name}")]
    raise SystemExit(f"{one.label} is under {one.terms} and carries no text: find one")
