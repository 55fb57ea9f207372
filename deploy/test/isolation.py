"""What a container is, of the kernel's parts: namespaces, an empty root, a user, limits. Needs to be root.

A step that wants one runs a file of its own in namespaces (`inside`): ports and mounts there are nobody else's.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from common import DAEMON, Failure, LeftOut, run

# How a story says that it cannot be told here.
LEFT_OUT = 77


def inside(file: str) -> str:
    """What `python FILE DIRECTORY` prints in mount and network namespaces of its own; DIRECTORY is empty, and goes."""
    unshare = ["unshare", "--mount", "--net", "--"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        raise LeftOut("no namespaces here: unshare is refused")
    directory = tempfile.mkdtemp(prefix="tamis-container-")
    try:
        command = [*unshare, sys.executable, file, directory]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode == LEFT_OUT:
            raise LeftOut(told.stderr.strip())
        if told.returncode != 0:
            raise Failure(f"{told.stdout}{told.stderr}".rstrip())
        return told.stdout.strip()
    finally:
        # What was mounted there went with the namespace.
        shutil.rmtree(directory)


def main(story) -> int:
    """Of a file that `inside` runs: brings loopback up, tells the story, or what it failed by."""
    with socket.socket() as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING (netdevice(7))
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS
    try:
        print(story(Path(sys.argv[1])))
    except (Failure, LeftOut) as failure:
        print(failure, file=sys.stderr)
        return LEFT_OUT if isinstance(failure, LeftOut) else 1
    return 0


def bind(source: Path, target: Path, writable: bool = True):
    """`target` is `source` from now on, in this namespace."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    run("mount", "--rbind", source, target)
    if not writable:
        run("mount", "-o", "remount,bind,ro", target)


def image(root: Path) -> list[str]:
    """The root of a container of ours, and how a command begins that runs in it."""
    bind(DAEMON.resolve(), root / "tamis")
    # What every runtime mounts, of which the daemon uses these.
    for name in ("proc", "sys", "dev/null", "dev/random", "dev/urandom"):
        bind(Path("/", name), root / name)
    return as_user("65532:65532", root)


def as_user(user: str, root: Path) -> list[str]:
    """How a command begins that runs in that root as nobody else, and can become nobody else."""
    return [
        shutil.which("setpriv"),
        "--no-new-privs",
        shutil.which("chroot"),
        f"--userspec={user}",
        "--groups=",
        str(root),
    ]


def machine(root: Path) -> None:
    """A root like this machine's, on which nothing written stays; what this machine mounts is not in it."""
    layers = root.with_name(f"{root.name}-layers")
    layers.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", layers)
    for name in ("upper", "work"):
        (layers / name).mkdir()
    root.mkdir()
    over = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
    run("mount", "-t", "overlay", "overlay", "-o", over, root)
    for name in ("proc", "sys", "dev"):
        bind(Path("/", name), root / name)


def controller(name: str) -> Path:
    """Where this process' group of that controller lies, version 1 or 2."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if name in controllers.split(",") or not controllers and not Path("/sys/fs/cgroup", name).exists():
            top = Path("/sys/fs/cgroup", name if controllers else "")
            # In a container the path may be the host's.
            return top / path.lstrip("/") if (top / path.lstrip("/")).is_dir() else top
    raise LeftOut(f"no control group of {name}")


@contextmanager
def limits(cores: float, memory: int, name: str = "tamis"):
    """A function to call in a process about to be: from then on it has so many cores and bytes."""
    period, groups = 100_000, []
    quota = int(cores * period)
    for part, old, new in (
        ("cpu", {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}, {"cpu.max": f"{quota} {period}"}),
        ("memory", {"memory.limit_in_bytes": memory}, {"memory.max": memory}),
    ):
        group = controller(part) / f"tamis-test-{name}-{os.getpid()}"
        try:
            group.mkdir()
            files = old if (group / next(iter(old))).exists() else new
            for file, value in files.items():
                (group / file).write_text(str(value), encoding="ascii")
        except OSError as error:
            raise LeftOut(f"no control group of our own: {error}") from error
        groups.append(group)

    def enter():
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    try:
        yield enter
    finally:
        for group in groups:
            group.rmdir()
