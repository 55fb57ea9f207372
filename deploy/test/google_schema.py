"""Writes the schema of Terraform's google provider, for the types that configurations name, as the npm package
@cdktf/provider-google carries it: TypeScript made from the provider's own schema, in the source maps of its modules.

    google_schema.py PACKAGE CONFIGURATION... >schema.json
"""

import base64
import json
import re
import sys
from pathlib import Path

PLAIN = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
    "getStringMapAttribute": ["map", "string"],
    "StringMap": ["map", "string"],
    "StringMapList": ["list", ["map", "string"]],
}
ATTRIBUTE = re.compile(
    r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n"
    r"(.*)\n(?:.*\n)?\s*return ([^;]*);"
)

# What later versions than the package's have: registry_uri came with 7.1.
LATER = {"google_artifact_registry_repository": {"registry_uri": "string"}}


class Module:
    """The classes of one resource, data source or provider: each has the comments that say what its attributes are."""

    def __init__(self, directory: Path):
        self.classes = {}
        for path in sorted(directory.rglob("*.js")):
            if encoded := re.search(r"sourceMappingURL=data:application/json;base64,(\S+)", path.read_text()):
                for source in json.loads(base64.b64decode(encoded[1]))["sourcesContent"]:
                    self.classes.update(re.findall(r"^export class (\w+) extends (?s:(.*?))^}", source, re.MULTILINE))

    def root(self) -> dict:
        kinds = ("cdktf.TerraformResource", "cdktf.TerraformDataSource")
        return self.block(next(body for body in self.classes.values() if body.startswith(kinds)))

    def block(self, body: str) -> dict:
        block = {"attributes": {}, "blocks": {}}
        for name, *flags, field, value in ATTRIBUTE.findall(body):
            computed, optional, required = (flag == "true" for flag in flags)
            inner = re.search(r"new (\w+?)(OutputReference|List)\(this, \"\w+\"(, true)?", field)
            if not inner:
                what = re.search(r"new cdktf\.(\w+)", field) or re.search(r"this\.()(get\w+)", value)
                kind = PLAIN[what[what.lastindex]]
                kind = ["set", kind[1]] if "Fn.tolist" in value else kind
            elif optional or required:
                block["blocks"][name] = self.nested(name, inner, required)
                continue
            else:
                kind = ["list", self.kind(self.inside(inner))]
            block["attributes"][name] = {"type": kind, "computed": computed, "optional": optional, "required": required}
        return block

    def inside(self, inner: re.Match) -> dict:
        return self.block(self.classes[f"{inner[1]}OutputReference"])

    def nested(self, name: str, inner: re.Match, required: bool) -> dict:
        single = inner[2] == "OutputReference"
        nesting = "single" if name == "timeouts" else "set" if inner[3] and not single else "list"
        return {"nesting": nesting, "least": int(required), "most": int(single), "block": self.inside(inner)}

    def kind(self, block: dict) -> list:
        """The type of a block that is but read."""
        inner = {name: ["list", self.kind(nested["block"])] for name, nested in block["blocks"].items()}
        return ["object", {name: attribute["type"] for name, attribute in block["attributes"].items()} | inner]


def provider(directory: Path) -> dict:
    """The arguments of the provider itself, but for its blocks: `private _project?: string;`."""
    kinds = {
        "string": "string",
        "boolean": "bool",
        "number": "number",
        "string[]": ["list", "string"],
        "{": ["map", "string"],
    }
    (body,) = (body for body in Module(directory).classes.values() if body.startswith("cdktf.TerraformProvider"))
    found = re.findall(
        r"// (\w+) - computed: false, optional: true, required: false\n\s*private \w+\?: (\S+?)[; ]", body
    )
    flags = {"computed": False, "optional": True, "required": False}
    return {"attributes": {name: {"type": kinds[kind], **flags} for name, kind in found if kind in kinds}, "blocks": {}}


def main(package: Path, configurations: list[Path]) -> dict:
    named = set()
    for path in configurations:
        named.update(re.findall(r'^(resource|data) "(google_\w+)"', path.read_text(), re.MULTILINE))
    schema = {"provider": provider(package / "lib/provider"), "resource": {}, "data": {}}
    for kind, name in sorted(named):
        directory = name.removeprefix("google_").replace("_", "-")
        path = package / "lib" / (directory if kind == "resource" else f"data-google-{directory}")
        if not path.is_dir():
            sys.exit(f"the provider has no {kind} {name}")
        schema[kind][name] = Module(path).root()
        for attribute, of_type in LATER.get(name, {}).items():
            schema[kind][name]["attributes"][attribute] = {
                "type": of_type,
                "computed": True,
                "optional": False,
                "required": False,
            }
    return schema


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]), sys.stdout)
