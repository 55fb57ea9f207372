"""Judges the description of the API: python judge.py openapi.json

By openapi-spec-validator, that it is OpenAPI 3.1; and by jsonschema, that every example is of the schema beside it.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
OpenAPIV31SpecValidator(document).validate()


def media_types(node, place=""):
    """Every Media Type Object with its place."""
    if isinstance(node, dict):
        for name, media in node.get("content", {}).items():
            yield f"{place} {name}", media
        for name, value in node.items():
            yield from media_types(value, f"{place}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from media_types(value, f"{place}/{index}")


count = 0
for place, media in media_types({"paths": document["paths"], "components": document["components"]}):
    # References lead into the document, so each schema is judged as a part of it.
    schema = {**media["schema"], "components": document["components"]}
    Draft202012Validator.check_schema(schema)
    for name, example in media.get("examples", {}).items():
        wrong = [error.message for error in Draft202012Validator(schema).iter_errors(example["value"])]
        assert not wrong, f"{place}, {name}: {wrong}"
        count += 1
print(f"valid, {len(document['paths'])} paths, {count} examples")
