"""deploy/terraform by Terraform itself (format, validation, plans against mocks), which google_provider.py tells what
the google provider's resources are made of, and by checkov's rules."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from common import DEPLOY, TOOLS, Failure, LeftOut, Processes, Skipped, run, tool, wait_for

TERRAFORM = DEPLOY / "terraform"
SCHEMA = TOOLS / "google-schema.json"


def check() -> str:
    documented()
    skipped = judged()
    if not shutil.which("terraform"):
        raise LeftOut(f"no terraform here, and no package has it; documented; checkov: nothing but {skipped} with a reason")
    terraform = tool("terraform")
    run(terraform, "fmt", "-check", "-diff", "-recursive", TERRAFORM)
    passed = planned(terraform)
    return f"formatted, valid, documented; {passed} plans as they must be; checkov: nothing but {skipped} with a reason"


def documented():
    """Every variable and output says what it is, and neither a key nor a state is in the tree."""
    for path in TERRAFORM.glob("*.tf"):
        for kind, name, body in re.findall(
            r'^(variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(), re.MULTILINE | re.DOTALL
        ):
            if "description" not in body or (kind == "variable" and "type " not in body):
                raise Failure(f"{path.name}: {kind} {name} has no description or no type")
    if found := [path for path in TERRAFORM.rglob("*") if path.suffix in (".json", ".pem", ".tfstate")]:
        raise Failure(f"{found} may hold secrets or a state")


def planned(terraform: str) -> int:
    """How many runs of `terraform test` pass, in a copy: Terraform writes beside what it reads."""
    if not SCHEMA.exists():
        raise Skipped(f"{SCHEMA} is not there: make tools")
    with tempfile.TemporaryDirectory(prefix="tamis-terraform-") as name, Processes(Path(name)) as processes:
        directory = Path(name) / "terraform"
        shutil.copytree(TERRAFORM, directory, ignore=shutil.ignore_patterns(".terraform*"))
        provider = [tool("python-with-terraform"), DEPLOY / "test/google_provider.py", SCHEMA, Path(name) / "socket"]
        processes.start("provider", *provider)
        log = Path(name) / "provider.log"
        reattach = wait_for(f"the provider: {log.read_text()}", lambda: log.read_text().strip(), 10)
        config = Path(name) / "terraformrc"
        config.write_text("disable_checkpoint = true\n")
        environment = {
            **os.environ,
            "TF_REATTACH_PROVIDERS": reattach,
            "TF_CLI_CONFIG_FILE": str(config),
            "TF_IN_AUTOMATION": "1",
        }
        run(terraform, "init", "-backend=false", "-input=false", "-no-color", cwd=directory, env=environment)
        run(terraform, "validate", "-no-color", cwd=directory, env=environment)
        said = run(terraform, "test", "-no-color", cwd=directory, env=environment)
    return int(re.search(r"Success! (\d+) passed, 0 failed", said)[1])


def judged() -> int:
    """How many findings of checkov's are passed over. Any other fails, and so does one passed over without a reason."""
    asked = (
        "--framework=terraform",
        "--skip-download",
        "--compact",
        "--soft-fail",
        "--output=json",
        f"--directory={TERRAFORM}",
    )
    results = json.loads(run(tool("checkov"), *asked))["results"]
    if failed := [f"{each['check_id']} {each['check_name']}: {each['resource']}" for each in results["failed_checks"]]:
        raise Failure("\n".join(failed))
    skipped = results["skipped_checks"]
    if without := [
        each["check_id"] for each in skipped if not each["check_result"].get("suppress_comment", "").strip()
    ]:
        raise Failure(f"passed over without a reason: {without}")
    return len({each["check_id"] for each in skipped})
