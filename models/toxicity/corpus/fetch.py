"""Points the pipeline at the data directory and records what is in it.

Nothing is downloaded: each set has its own terms, and some want an account. `sources.SOURCES` says where each comes from.
"""

import hashlib
import json
import os
from pathlib import Path

from corpus.sources import SOURCES
from settings import Settings


def run(settings: Settings) -> dict:
    """Links `raw` in the work directory to the data and writes `sources.json`: file, sha256, licence and origin by set.

    A set that is not required may be absent: the stages after this one leave it out. Returns the number of sets.
    """
    settings.work.mkdir(parents=True, exist_ok=True)
    found = {"smoke": settings.smoke, "sets": {}}
    if not settings.smoke:
        directory = data_directory(settings)
        for source in SOURCES:
            path = directory / source.file
            if path.exists():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found["sets"][source.name] = {
                    "file": source.file,
                    "sha256": digest,
                    "licence": source.licence,
                    "origin": source.origin,
                }
            elif source.required:
                raise SystemExit(f"{path} is missing: it comes from {source.origin}")
            else:
                print(f"{source.name}: {source.file} is not there and is left out; it comes from {source.origin}")
    (settings.work / "sources.json").write_text(json.dumps(found, indent=2) + "\n")
    return {"sets": len(found["sets"])}


def data_directory(settings: Settings) -> Path:
    """The directory in the environment variable DATA, linked as `raw`; without it, the link of an earlier run."""
    link = settings.work / "raw"
    if os.environ.get("DATA"):
        target = Path(os.environ["DATA"]).resolve(strict=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target, target_is_directory=True)
    elif not link.exists():
        raise SystemExit("DATA=directory-of-the-data-sets is needed; models/toxicity/README.md lists the files")
    return link
