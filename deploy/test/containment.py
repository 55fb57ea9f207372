"""A container of podman and runc, as a cluster would run it, in a network of its own that has nothing but loopback."""

import ctypes
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from common import Failure, fetch
from images import command, containers

NEW_NETWORK = 0x40000000


class Container:
    """Read-only, without capabilities or new privileges, within limits. Gone with the block."""

    def __init__(self, tag: str, cores: float, mebibytes: int, *flags: str):
        self.name = f"tamis-test-{os.getpid()}"
        confinement = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
        limits = (f"--cpus={cores}", f"--memory={mebibytes}m", f"--memory-swap={mebibytes}m")
        options = (
            "--network=none",
            "--health-interval=disable",
            "--log-driver=k8s-file",
            "--cgroup-parent=/",
            "--cgroups=no-conmon",
            *confinement,
            *limits,
        )
        containers("podman", "create", "--name", self.name, *options, tag, *flags)
        self.pid = 0

    def __enter__(self):
        self.forget()
        # runc makes the process, with limits and network, which waits there for its exec.
        containers("podman", "init", self.name)
        self.pid = json.loads(containers("podman", "container", "inspect", self.name))[0]["State"]["Pid"]
        return self

    def __exit__(self, *_):
        containers("podman", "rm", "--force", "--time", "0", self.name)

    def forget(self):
        """Out of the page cache with the binary: as where it has just been pulled, the container pays for them."""
        mounted = Path(containers("podman", "mount", self.name).strip())
        try:
            with open(mounted / "tamis", "rb") as binary:
                os.fsync(binary.fileno())
                os.posix_fadvise(binary.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            containers("podman", "unmount", self.name)

    def start(self) -> float:
        """Seconds from exec, as it is seen from outside, to the first 200 of /readyz."""
        runc = os.readlink(f"/proc/{self.pid}/exe")
        # Without systemd podman says that nothing will check the health; we do.
        starting = [str(part) for part in (*command("podman"), "start", self.name)]
        starter = subprocess.Popen(starting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while os.readlink(f"/proc/{self.pid}/exe") == runc:
            if time.monotonic() > deadline:
                raise Failure("it was never executed")
        begin = time.monotonic()
        while self.fetch("/readyz")[0] != 200:
            if time.monotonic() > deadline or not Path(f"/proc/{self.pid}/exe").exists():
                raise Failure(f"it was never ready:\n{self.logs()}")
            time.sleep(0.001)
        ready = time.monotonic() - begin
        starter.wait()
        return ready

    def fetch(self, path: str, body: dict | None = None) -> tuple[int, bytes]:
        """As a client within its network."""
        answer = []
        try:
            network = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        except FileNotFoundError:
            raise Failure(f"it has ended, of want of memory if it does not say why:\n{self.logs()}") from None

        def ask():
            if ctypes.CDLL(None, use_errno=True).setns(network, NEW_NETWORK) == 0:
                sent = None if body is None else json.dumps(body).encode()
                answer.append(fetch(f"http://127.0.0.1:8000{path}", sent))

        # A network belongs to a thread: this one's ends with it.
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        os.close(network)
        if not answer:
            raise Failure(f"the network of {self.pid} cannot be entered")
        return answer[0]

    def inside(self) -> list:
        """What a command begins with that runs within its network, and outside of its limits."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def healthy(self) -> int:
        """The exit code of the image's own HEALTHCHECK."""
        return said_by("podman", "healthcheck", "run", self.name)

    def answered_at(self, address: str) -> int:
        """The exit code of the same, of a daemon that is said to listen there."""
        return said_by("podman", "exec", "--env", f"TAMIS_LISTEN={address}", self.name, "/tamis", "healthcheck")

    def terminate(self) -> tuple[int, float]:
        """Its exit code after SIGTERM, and the seconds until then."""
        begin = time.monotonic()
        containers("podman", "kill", "--signal=TERM", self.name)
        code = int(containers("podman", "wait", "--interval=10", self.name))
        return code, time.monotonic() - begin

    def status(self) -> dict[str, str]:
        return dict(line.split(":\t", 1) for line in self.of_process("status").splitlines())

    def highest(self) -> float:
        """The most that was resident, in MiB."""
        return int(self.status()["VmHWM"].split()[0]) / 1024

    def charged(self) -> float:
        """The most that it has paid for, the binary's pages in the cache among it, in MiB."""
        return int(self.of_group("memory", "memory.max_usage_in_bytes", "memory.peak")) / 2**20

    def limits(self) -> tuple[float, float]:
        """Cores and MiB, as the kernel has them."""
        quota = self.of_group("cpu", "cpu.cfs_quota_us", "cpu.max").split()
        period = quota[1] if len(quota) > 1 else self.of_group("cpu", "cpu.cfs_period_us", "cpu.max")
        memory = self.of_group("memory", "memory.limit_in_bytes", "memory.max")
        return int(quota[0]) / int(period), int(memory) / 2**20

    def of_group(self, controller: str, first: str, second: str) -> str:
        """A file of its control group: `first` where version 1 has the controller, else `second`, of version 2."""
        groups = dict(line.split(":", 2)[1:] for line in self.of_process("cgroup").splitlines())
        for names, path in groups.items():
            if controller in names.split(","):
                return Path(f"/sys/fs/cgroup/{names}{path}/{first}").read_text(encoding="utf-8")
        return Path(f"/sys/fs/cgroup{groups['']}/{second}").read_text(encoding="utf-8")

    def of_process(self, file: str) -> str:
        return Path(f"/proc/{self.pid}/{file}").read_text(encoding="utf-8")

    def logs(self) -> str:
        return containers("podman", "logs", self.name)


def said_by(name: str, *arguments: str) -> int:
    """The exit code."""
    asked = [str(part) for part in (*command(name), *arguments)]
    return subprocess.run(asked, capture_output=True, check=False).returncode
