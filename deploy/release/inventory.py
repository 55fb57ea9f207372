#!/usr/bin/env python3
"""What is inside the binary: a CycloneDX bill of materials, and the notices that licences ask for.

    inventory.py --features bert --sbom tamis.cdx.json --notices THIRD-PARTY-NOTICES.txt

Crates are those that `cargo tree` names for these features, with build scripts' and tests' left out; texts are taken
from their sources, which cargo has fetched. The time is SOURCE_DATE_EPOCH: of the same tree come the same bytes.
"""

import argparse
import json
from pathlib import Path

import cyclonedx
import materials
import notices


def main():
    asked = argparse.ArgumentParser(description="Writes the bill of materials and the notices of a release.")
    asked.add_argument("--features", default="", help="those that the binary is built with")
    asked.add_argument("--target", default=materials.host(), help="what it is built for (this machine)")
    asked.add_argument("--sbom", type=Path, required=True)
    asked.add_argument("--notices", type=Path, required=True)
    arguments = asked.parse_args()
    crates = materials.crates(arguments.features, arguments.target)
    libraries, models = materials.libraries(), materials.models(arguments.features)
    bill = cyclonedx.bill(crates, libraries, models)
    arguments.sbom.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    arguments.notices.write_text(notices.text(crates, libraries, models), encoding="utf-8")


if __name__ == "__main__":
    main()
