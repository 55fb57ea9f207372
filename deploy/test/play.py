"""Runs the playbook of deploy/ansible on machines of machine.py, with credentials from a vault; says what changed."""

import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

from common import DAEMON, DEPLOY, Failure, run, tool
from machine import Machine

ANSIBLE = DEPLOY / "ansible"
ENTER = Path(__file__).resolve().parent / "enter.sh"


class Site:
    """Machines, the inventory that has them, and a vault."""

    def __init__(self, directory: Path, both: list[Machine]):
        self.directory, self.both = directory, both
        self.one = both[0]
        self.password = directory / "password"
        self.password.write_text(secrets.token_urlsafe(32))
        self.secrets = [self.password.read_text()]
        self.settings, self.binary, self.vault = {"TAMIS_MAX_ROWS": 2}, directory / "tamis", None
        self.variables = {}
        shutil.copy(DAEMON, self.binary)
        reached = {
            "ansible_ssh_executable": str(ENTER),
            "ansible_ssh_transfer_method": "piped",
            "ansible_become": False,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        hosts = {machine.name: {} for machine in both}
        (directory / "inventory.json").write_text(json.dumps({"tamis": {"hosts": hosts, "vars": reached}}))

    def keep(self, credentials: dict[str, str]):
        """Puts these into the vault, which is encrypted before the playbook sees it."""
        self.vault = self.directory / "vault.json"
        self.vault.write_text(json.dumps({"tamis_credentials": credentials}))
        run(
            tool("ansible-vault"),
            "encrypt",
            f"--vault-password-file={self.password}",
            self.vault,
            env=self.environment(),
        )
        if "ANSIBLE_VAULT" not in self.vault.read_text() or any(
            value in self.vault.read_text() for value in self.secrets
        ):
            raise Failure("the vault is not encrypted")

    def environment(self) -> dict[str, str]:
        names = " ".join(f"{machine.name}={machine.pid}" for machine in self.both)
        home = {"HOME": str(self.directory), "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "NO_COLOR": "1"}
        return {**os.environ, **home, "MACHINES": names}

    def play(self, *more: str) -> subprocess.CompletedProcess:
        """Runs the playbook, talkative and with differences; nothing that is secret may be in what it says."""
        variables = {
            "tamis_binary": str(self.binary),
            "tamis_settings": self.settings,
            "tamis_ready_seconds": 5,
            **self.variables,
        }
        asked = [tool("ansible-playbook"), ANSIBLE / "playbook.yml", f"--inventory={self.directory / 'inventory.json'}"]
        asked += ["-vvv", "--diff", f"--extra-vars={json.dumps(variables)}"]
        if self.vault:
            asked += [f"--extra-vars=@{self.vault}", f"--vault-password-file={self.password}"]
        done = subprocess.run(
            [*asked, *more], capture_output=True, text=True, check=False, cwd=self.directory, env=self.environment()
        )
        journals = [machine.run("journalctl", "--no-pager") for machine in self.both]
        if shown := [
            value[:6] for value in self.secrets if any(value in said for said in (done.stdout, done.stderr, *journals))
        ]:
            raise Failure(f"the output or a journal shows what begins with {', '.join(shown)}")
        return done

    def changed(self, *more: str) -> dict[str, list[str]]:
        """The tasks that changed something, for each host, of a run without failure."""
        done = self.play(*more)
        if done.returncode != 0:
            raise Failure(f"{done.stdout[-4000:]}{done.stderr[-2000:]}")
        return tasks(done.stdout, "changed")

    def expect(self, tasks: list[str], *more: str):
        changed = self.changed("--limit=one", *more).get("one", [])
        if changed != tasks:
            raise Failure(f"changed: {changed}, expected: {tasks}")

    def refused(self, why: str, *more: str):
        """A run that fails, saying so, and leaves both daemons as they were."""
        before = [pids(machine) for machine in self.both]
        done = self.play(*more)
        if done.returncode == 0 or why not in done.stdout:
            raise Failure(f"not refused with {why!r}:\n{done.stdout[-3000:]}")
        if tasks(done.stdout, "ok").get("two"):
            raise Failure("the second host was touched after the first had failed")
        if before != [pids(machine) for machine in self.both] or self.one.fetch("/readyz")[0] != 200:
            raise Failure("a refused change has changed the daemon")


def tasks(output: str, verdict: str) -> dict[str, list[str]]:
    """Which tasks and handlers ended with that verdict, for each host."""
    found, task = {}, ""
    for line in output.splitlines():
        if begin := re.match(r"(?:TASK|RUNNING HANDLER) \[(?:tamis : )?(.*?)\] \*", line):
            task = begin[1]
        elif (end := re.match(rf"{verdict}: \[(\w+)\]", line)) and task not in found.get(end[1], []):
            found.setdefault(end[1], []).append(task)
    return found


def pids(machine: Machine) -> str:
    return machine.show("tamis.service", "MainPID")["MainPID"]


def new_key(name: str) -> tuple[str, str]:
    """A key, and its line for the file of keys."""
    key, line = (said.split()[1] for said in run(DAEMON, "new-key", name).splitlines())
    return key, line
