"""The unit of deploy/systemd under a real systemd, in a machine of its own: what the daemon does there, what it may not
do, how it ends and what brings it back."""

import re
import shutil
from pathlib import Path

from common import DAEMON, DEPLOY, Failure, Skipped, run, wait_for
from machine import Machine, machines

UNIT = DEPLOY / "systemd/tamis.service"
# In tenths: 2.0 of 10, where systemd says "OK" and a unit without any of this has 9.6.
MOST_EXPOSED = 20
SCHED_IDLE = "5"
FILES = 65536
KEY_FILE = "TAMIS_AUTH=api-key\nTAMIS_API_KEYS=/run/credentials/tamis.service/api-keys\n"


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"{DAEMON} is not built: make build")
    with machines("unit") as ([machine], _):
        install(machine)
        exposure = judged(machine)
        machine.run("systemctl", "start", "tamis.service")
        wait_for("the daemon to be ready", lambda: machine.fetch("/readyz")[0] == 200)
        work(machine)
        confinement(machine)
        endings(machine)
        credentials(machine)
    return (
        f"exposure {exposure}; serves, confined, drains, starts again when killed, not after bad settings; credentials"
    )


def install(machine: Machine):
    root = Path(f"/proc/{machine.pid}/root")
    shutil.copy(DAEMON, root / "usr/local/bin/tamis")
    shutil.copy(UNIT, root / "etc/systemd/system/tamis.service")
    (root / "etc/tamis/credentials").mkdir(parents=True)
    machine.run("systemctl", "daemon-reload")


def settings(machine: Machine, text: str):
    Path(f"/proc/{machine.pid}/root/etc/tamis/tamis.env").write_text(text)


def judged(machine: Machine) -> str:
    unit = "/etc/systemd/system/tamis.service"
    if said := machine.run("systemd-analyze", "verify", "--man=no", unit, stderr=None).strip():
        raise Failure(f"systemd-analyze verify: {said}")
    report = machine.run(
        "systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", unit
    )
    return re.search(r"exposure level for tamis.service: ([\d.]+)", report)[1]


def work(machine: Machine):
    asked = {
        "/predict": '{"features":[5.1,3.5,1.4,0.2]}',
        "/analyze": '{"text":"You are kind.","model":"simple"}',
    }
    for path, body in asked.items():
        status, answer = machine.fetch(path, body)
        if status != 200:
            raise Failure(f"{path}: {status} {answer}")
    bert = '{"text":"You are kind.","model":"bert"}'
    wait_for("bert to answer", lambda: machine.fetch("/analyze", bert)[0] == 200)
    policies = [line.split()[40 - 2] for line in stats(machine)]
    if SCHED_IDLE not in policies:
        raise Failure(f"no thread has SCHED_IDLE: {policies}")
    metrics = machine.fetch("/metrics")[1]
    for name in ("process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"):
        if not (found := re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)) or not float(found[1]) > 0:
            raise Failure(f"the daemon cannot see its own {name}")


def stats(machine: Machine) -> list[str]:
    """/proc/PID/task/*/stat of the daemon, from the state on."""
    return [path.read_text().rpartition(")")[2] for path in process(machine).glob("task/*/stat")]


def process(machine: Machine) -> Path:
    pid = machine.show("tamis.service", "MainPID")["MainPID"]
    return Path(f"/proc/{machine.pid}/root/proc/{pid}")


def confinement(machine: Machine):
    status = dict(
        line.split(":\t", 1) for line in (process(machine) / "status").read_text().splitlines() if ":\t" in line
    )
    held = {
        "runs as root": status["Uid"].split()[0] == "0",
        "has capabilities": any(int(status[f"Cap{which}"], 16) for which in ("Eff", "Prm", "Bnd", "Amb")),
        "may gain privileges": status["NoNewPrivs"] != "1",
        "has no filter of system calls": status["Seccomp"] != "2",
        "may write": any(" / / rw" in line for line in (process(machine) / "mountinfo").read_text().splitlines()),
        "may open fewer files than the unit says": files(process(machine))
        != min(FILES, files(Path(f"/proc/{machine.pid}"))),
    }
    if wrong := [what for what, is_so in held.items() if is_so]:
        raise Failure(f"the daemon {', '.join(wrong)}")


def files(process: Path) -> int:
    """How many files a process may have opened, at most: no unit can pass the limit of systemd itself."""
    return int(re.search(r"Max open files\s+\d+\s+(\d+)", (process / "limits").read_text())[1])


def endings(machine: Machine):
    machine.run("systemctl", "kill", "--signal=KILL", "tamis.service")
    wait_for(
        "a killed daemon to be started again", lambda: machine.show("tamis.service", "NRestarts")["NRestarts"] == "1"
    )
    wait_for("it to be ready again", lambda: machine.fetch("/readyz")[0] == 200)
    machine.run("systemctl", "stop", "tamis.service")
    ended = machine.show("tamis.service", "Result", "ExecMainStatus", "ActiveState")
    if ended != {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}:
        raise Failure(f"a stop ended with {ended}")


def credentials(machine: Machine):
    settings(machine, KEY_FILE)
    machine.run("systemctl", "start", "tamis.service")
    wait_for("no key to end the daemon", lambda: state(machine) == ("failed", "2", "0"))
    key, line = (said.split()[1] for said in run(DAEMON, "new-key", "unit").splitlines())
    path = Path(f"/proc/{machine.pid}/root/etc/tamis/credentials/api-keys")
    path.write_text(f"{line}\n")
    path.chmod(0o600)
    machine.run("systemctl", "start", "tamis.service")
    wait_for("the daemon to be ready with a key", lambda: machine.fetch("/readyz")[0] == 200)
    answers = [machine.fetch("/model-info", "", *header)[0] for header in ((), (f"X-API-Key: {key}",))]
    if answers != [401, 200]:
        raise Failure(f"without and with the key: {answers}")


def state(machine: Machine) -> tuple[str, ...]:
    names = ("ActiveState", "ExecMainStatus", "NRestarts")
    shown = machine.show("tamis.service", *names)
    return tuple(shown[name] for name in names)
