"""A release's tarball brought to a machine under a real systemd as the workflow does it: installed with a key from
a vault, asked, and refused where it has changed on its way."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from common import DAEMON, DEPLOY, Failure, Skipped, run, tool
from machine import machines
from release import VERSION, made
from smoke import credentials

ENTER = Path(__file__).resolve().parent / "enter.sh"
PASSWORD = "for this test alone"


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    with tempfile.TemporaryDirectory() as name, machines("host") as ([machine], _):
        directory = Path(name)
        tarball = made(directory / "artifacts", {}, 0o022)
        reached = {
            "ansible_ssh_executable": str(ENTER),
            "ansible_ssh_transfer_method": "piped",
            "ansible_become_method": "su",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        environment = os.environ | {
            "PATH": f"{Path(tool('ansible-playbook')).parent}:{os.environ['PATH']}",
            "HOME": name,
            "MACHINES": f"host={machine.pid}",
            "INVENTORY": json.dumps({"tamis": {"hosts": {"host": {}}, "vars": reached}}),
        }
        key, line = credentials()
        environment |= vault(directory, line, environment)
        # Installed, and closed: who asks without a key is told so.
        refused(tarball, environment, "WRONG")
        told = brought(tarball, environment | {"SMOKE_API_KEY": key})
        if key in told or line.split(":")[1] in told:
            raise Failure("the output shows a credential")
        if json.loads(machine.fetch("/health", port=9100)[1])["version"] != VERSION:
            raise Failure("another version answers")
        if [machine.fetch("/model-info")[0], machine.fetch("/model-info", "", f"X-API-Key: {key}")[0]] != [401, 200]:
            raise Failure("the vault's key does not open the daemon, or nothing closes it")
        tarball.write_bytes(tarball.read_bytes()[:-1] + b"x")
        refused(tarball, environment, "did NOT match")
    return "installed on a machine, with a key from a vault, and asked; without the key, or changed on its way, refused"


def vault(directory: Path, keys: str, environment: dict) -> dict[str, str]:
    """An encrypted vault with these keys, as the environment gives it to vm.sh."""
    plain, password = directory / "vault.json", directory / "password"
    variables = {
        "tamis_credentials": {"api-keys": keys},
        "tamis_settings": {"TAMIS_AUTH": "api-key", "TAMIS_ADMIN_LISTEN": "0.0.0.0:9100"},
    }
    plain.write_text(json.dumps(variables), encoding="utf-8")
    password.write_text(PASSWORD, encoding="utf-8")
    run(tool("ansible-vault"), "encrypt", f"--vault-password-file={password}", plain, env=environment)
    return {"VAULT": plain.read_text(encoding="utf-8"), "VAULT_PASSWORD": PASSWORD}


def brought(tarball: Path, environment: dict) -> str:
    return run("bash", DEPLOY / "release/vm.sh", tarball, env=environment)


def refused(tarball: Path, environment: dict, says: str):
    command = ["bash", str(DEPLOY / "release/vm.sh"), str(tarball)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0 or says not in done.stdout + done.stderr:
        raise Failure(f"vm.sh does not say {says!r}: exit {done.returncode}, {done.stdout}{done.stderr}")
