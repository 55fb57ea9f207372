"""The playbook of deploy/ansible, linted, and run on two machines under a real systemd: installed, run again, changed,
refused, upgraded, taken back, and with credentials from a vault that nothing shows."""

import json
import os
from pathlib import Path

from common import DAEMON, Failure, Skipped, run, tool, wait_for
from machine import Machine, machines
from play import ANSIBLE, Site, new_key, pids

ROWS = [[5.1, 3.5, 1.4, 0.2]] * 3


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"{DAEMON} is not built: make build")
    lint()
    with machines("one", "two") as (both, directory):
        site = Site(directory, both)
        first = installs(site)
        changes_a_setting(site)
        refuses(site)
        upgrades_and_goes_back(site)
        rotates(site)
        open_to_all(site)
    return (
        f"linted; {first} on 2 machines, again: 0; settings, refusals, upgrade, way back, vault, rotation as they must"
    )


def lint():
    """ansible-lint finds ansible-playbook where PATH says; by itself it judges what is below the working directory."""
    environment = {**os.environ, "PATH": f"{Path(tool('ansible-lint')).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    run(tool("ansible-lint"), "--offline", "--strict", "--profile=production", cwd=ANSIBLE, env=environment)
    run(tool("yamllint"), "--strict", ANSIBLE, cwd=ANSIBLE)


def installs(site: Site) -> str:
    key, line = new_key("first")
    site.secrets += [key, line.split(":")[1]]
    site.keep({"api-keys": line})
    site.settings["TAMIS_AUTH"] = "api-key"
    meant = f"--extra-vars=tamis_binary_sha256={digest(site.binary)}"
    first = site.changed(meant)
    for machine in site.both:
        answers = [machine.fetch("/model-info", "", *header)[0] for header in ((), (f"X-API-Key: {key}",))]
        if answers != [401, 200]:
            raise Failure(f"{machine.name}, without and with the key: {answers}")
        enabled = machine.run("systemctl", "is-enabled", "tamis.service").strip()
        modes = machine.run(
            "stat", "--format=%a %U", "/etc/tamis/credentials", "/etc/tamis/credentials/api-keys"
        ).split()
        if enabled != "enabled" or modes != ["700", "root", "600", "root"]:
            raise Failure(f"{machine.name}: {enabled}, {modes}")
    if again := site.changed(meant):
        raise Failure(f"the second run has changed {again}")
    return f"{sum(map(len, first.values()))} changes"


def changes_a_setting(site: Site):
    """Announced by a dry run, and only then true."""
    site.settings = {**site.settings, "TAMIS_MAX_ROWS": 3}
    file = Path(f"/proc/{site.one.pid}/root/etc/tamis/tamis.env")
    for options, value in ((("--check",), 2), ((), 3)):
        site.expect(["Write the settings", "Restart tamis"], *options)
        if f"TAMIS_MAX_ROWS={value}\n" not in file.read_text():
            raise Failure(f"{options}: {file.read_text()}")


def refuses(site: Site):
    good = site.settings
    for settings, why in (
        ({"TAMIS_MAX_ROW": 3}, "unknown: ['TAMIS_MAX_ROW']"),
        ({"TAMIS_MAX_ROWS": "many"}, "invalid value 'many' for '--max-rows"),
        ({"TAMIS_BERT": False}, "must be a number or quoted text"),
        ({"TAMIS_AUTH": "none"}, "--api-keys is for --auth api-key and both"),
    ):
        site.settings = {**good, **settings}
        site.refused(why)
    site.settings = good
    site.refused("not 0123", "--extra-vars=tamis_binary_sha256=0123")
    released, site.binary = site.binary, Path("/bin/false")
    site.refused("Check the new one")
    site.binary = released


def upgrades_and_goes_back(site: Site):
    """Another release is this one with a byte after its end, which no loader reads."""
    older, newer = site.binary, site.directory / "tamis-newer"
    newer.write_bytes(older.read_bytes() + b"\n")
    steps = ["Copy a new one beside it", "Keep the old one, to go back", "Rename the new one", "Restart tamis"]
    site.binary = newer
    site.expect(steps)
    if digests(site.one) != [digest(newer), digest(older)]:
        raise Failure("the upgrade has not put the new binary in place of the old")
    site.binary = older
    site.expect(steps)
    if digests(site.one) != [digest(older), digest(newer)]:
        raise Failure("the way back has not put the old binary in place of the new")


def digest(path: Path) -> str:
    return run("sha256sum", path).split()[0]


def digests(machine: Machine) -> list[str]:
    said = machine.run("sha256sum", f"/proc/{pids(machine)}/exe", "/usr/local/bin/tamis.previous")
    return said.split()[::2]


def rotates(site: Site):
    old = site.secrets[1]
    key, line = new_key("second")
    site.secrets += [key, line.split(":")[1]]
    site.keep({"api-keys": line})
    site.expect(["Write the credentials", "Restart tamis"])
    answers = [site.one.fetch("/model-info", "", f"X-API-Key: {which}")[0] for which in (old, key)]
    if answers != [401, 200]:
        raise Failure(f"after the rotation, with the old key and the new: {answers}")


def open_to_all(site: Site):
    site.vault = None
    site.settings = {"TAMIS_LISTEN": "127.0.0.1:8000"}
    site.expect(["Write the settings", "Remove credentials that are no more", "Restart tamis"])
    wait_for("an open daemon", lambda: site.one.fetch("/predict", json.dumps({"features": ROWS}))[0] == 200)
