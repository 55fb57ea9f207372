"""The daemon as its pod starts it: the ConfigMap's environment and no other, an empty root, the user, the limits.

It is asked what the probes ask, given as many full bodies as it takes connections, drained, and, with keys, locked.
"""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import kustomize
from common import DAEMON, Failure, fetch, run, tool, wait_for
from isolation import image, inside, limits, main
from kustomize import container, objects, one, quantity, seconds

TEXT = ("You are stupid and I hate you, it was a nice day. " * 400)[:16_000]
FLOWER = b'{"features":[5.1,3.5,1.4,0.2]}'
PASSWORD = "correct horse"


def check() -> str:
    tool("kustomize")
    return inside(__file__)


def story(directory: Path) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    base = objects(kustomize.rendered("gke-autopilot"))
    said = []
    with pod(base, directory / "base") as (process, url):
        said.append(f"base: {filled(process, url, base)}, {drained(process, url, base)}")
    for name, then in (("simple", filled), ("auth-api-key", locked), ("auth-both", locked), ("admin-port", hidden)):
        values = objects(kustomize.rendered("gke-autopilot", name))
        with pod(values, directory / name) as (process, url):
            said.append(f"{name}: {then(process, url, values)}")
    return "; ".join(said)


@contextmanager
def pod(values: list[dict], root: Path):
    """The daemon and its address, once the probes are content."""
    root.mkdir()
    command, only = image(root), container(values)
    data, ports = one(values, "ConfigMap")["data"], {port["name"]: port["containerPort"] for port in only["ports"]}
    if data["TAMIS_AUTH"] != "none":
        credentials(root, "1")
    room = only["resources"]["limits"]
    with limits(quantity(room["cpu"]), int(quantity(room["memory"]))) as enter, open(root / "log", "ab") as log:
        process = subprocess.Popen([*command, "/tamis"], env=data, stderr=log, preexec_fn=enter)
        url = f"http://127.0.0.1:{ports['http']}"
        try:
            for probe in (only[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")):
                asked = f"http://127.0.0.1:{ports[probe['httpGet']['port']]}{probe['httpGet']['path']}"
                patience = probe["periodSeconds"] * probe["failureThreshold"]
                wait_for(f"{asked} is 200", lambda url=asked: process.poll() or fetch(url)[0] == 200, patience)
                if process.poll() is not None:
                    raise Failure(f"exit {process.poll()}")
            note = pod_annotations(values)
            scraped = fetch(f"http://127.0.0.1:{note['prometheus.io/port']}{note['prometheus.io/path']}")[1]
            if b"\ntamis_workers 1\n" not in scraped:
                raise Failure("one core, and not one worker")
            yield process, url
        except Failure as failure:
            raise Failure(f"{root.name}: {failure}\n{(root / 'log').read_text(encoding='utf-8')}") from failure
        finally:
            process.kill()
            process.wait()


def pod_annotations(values: list[dict]) -> dict:
    return one(values, "Deployment")["spec"]["template"]["metadata"]["annotations"]


def hidden(process: subprocess.Popen, url: str, values: list[dict]) -> str:
    """What clients reach classifies, and tells nothing else."""
    answers = {path: fetch(url + path)[0] for path in ("/metrics", "/status", "/readyz", "/health")}
    if set(answers.values()) != {404} or fetch(url + "/predict", FLOWER)[0] != 200:
        raise Failure(f"{answers}")
    return f"{', '.join(answers)} not there for clients"


def filled(process: subprocess.Popen, url: str, values: list[dict]) -> str:
    """As many connections as it takes, with bodies as long as it takes, all but the last byte; then the last bytes. Those for which
    it has no memory are refused."""
    count = int(one(values, "ConfigMap")["data"]["TAMIS_MAX_CONNECTIONS"])
    body = json.dumps({"texts": [TEXT] * 4}).encode()
    head = "POST /analyze/batch HTTP/1.1\r\nhost: tamis\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(body)}\r\n\r\n"
    address, clients = ("127.0.0.1", urllib.parse.urlsplit(url).port), []
    try:
        for _ in range(count):
            clients.append(socket.create_connection(address, 10))
            send(clients[-1], head.encode() + body[:-1])
        for client in clients:
            send(client, body[-1:])
        answers = [answer(client) for client in clients]
    finally:
        for client in clients:
            client.close()
    if process.poll() is not None or b"200" not in answers or set(answers) - {b"200", b"503"}:
        raise Failure(f"{count} full connections: exit {process.poll()}, answers {set(answers)}")
    for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            peak, room = (
                int(line.split()[1]) / 1024,
                quantity(container(values)["resources"]["limits"]["memory"]) / 2**20,
            )
    # The rest is for what the kernel counts beside it: sockets, tables of pages.
    if peak > 0.8 * room:
        raise Failure(f"{peak:.0f} MiB at most, of {room:.0f}")
    return f"{count} connections, {answers.count(b'200')} bodies taken and the others refused, {peak:.0f} MiB at most of {room:.0f}"


def send(client: socket.socket, data: bytes) -> None:
    """What is refused is refused before all of it is sent."""
    with suppress(OSError):
        client.sendall(data)


def answer(client: socket.socket) -> bytes:
    try:
        return client.recv(12)[9:]
    except OSError:
        return b"none"


def drained(process: subprocess.Popen, url: str, values: list[dict]) -> str:
    """SIGTERM: not ready at once, answers through the delay, is gone well within the grace, with code 0."""
    delay = seconds(one(values, "ConfigMap")["data"]["TAMIS_DRAIN_DELAY"])
    grace = one(values, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    kept = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(url).port, timeout=10)
    kept.request("GET", "/livez")
    kept.getresponse().read()
    begin, answered = time.monotonic(), 0
    process.send_signal(signal.SIGTERM)
    wait_for("/readyz is 503", lambda: fetch(url + "/readyz")[0] == 503, 1)
    kept.request("GET", "/livez")
    if (last := kept.getresponse()).status != 200 or last.getheader("connection") != "close":
        raise Failure("a connection that is kept is not told to go elsewhere")
    while time.monotonic() - begin < delay - 1:
        if fetch(url + "/predict", FLOWER)[0] != 200 or fetch(url + "/livez")[0] != 200:
            raise Failure(f"not answered {time.monotonic() - begin:.1f} s into a delay of {delay} s")
        answered += 1
        time.sleep(0.02)
    try:
        code = process.wait(grace - delay)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"still there after {grace} s") from late
    if code != 0:
        raise Failure(f"exit {code}")
    return f"{answered} requests answered while draining, gone after {time.monotonic() - begin:.1f} of {grace} s"


def credentials(root: Path, version: str) -> str:
    """The secret as the kubelet mounts it, files behind a link that it swaps; returns the key."""
    mount = root / "etc/tamis/credentials"
    made = dict(line.split(maxsplit=1) for line in run(DAEMON, "new-key", "team-a").splitlines())
    directory = mount / f"..{version}"
    directory.mkdir(parents=True)
    run("sh", "-c", f'head -c 32 /dev/urandom | base64 >"{directory}/token-secret"')
    (directory / "api-keys").write_text(made["line"] + "\n", encoding="ascii")
    hashed = run(DAEMON, "hash-password", input=PASSWORD + "\n").strip()
    (directory / "users").write_text(f"student:{hashed}\n", encoding="ascii")
    for path in directory.iterdir():
        os.chown(path, 0, 65532)
        path.chmod(0o440)
    (mount / "..new").symlink_to(directory.name)
    (mount / "..new").rename(mount / "..data")
    for path in directory.iterdir():
        if not (mount / path.name).is_symlink():
            (mount / path.name).symlink_to(f"..data/{path.name}")
    (root / "key").write_text(made["key"], encoding="ascii")
    return made["key"]


def locked(process: subprocess.Popen, url: str, values: list[dict]) -> str:
    """Nobody gets in without; the key does, until the secret has another one, and then that does, without a restart."""
    data = one(values, "ConfigMap")["data"]
    root = Path(os.readlink(f"/proc/{process.pid}/root"))
    old = (root / "key").read_text(encoding="ascii")

    def predict(**headers) -> int:
        request = urllib.request.Request(url + "/predict", FLOWER, {"content-type": "application/json"} | headers)
        try:
            return urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code

    if (predict(), predict(**{"x-api-key": old})) != (401, 200):
        raise Failure("the key makes no difference")
    said = "key"
    if data["TAMIS_AUTH"] == "both":
        form = urllib.parse.urlencode({"username": "student", "password": PASSWORD}).encode()
        status, answer = fetch(url + "/token", form, "application/x-www-form-urlencoded")
        if status != 200 or predict(authorization=f"Bearer {json.loads(answer)['access_token']}") != 200:
            raise Failure(f"no token: {status} {answer!r}")
        said = "key and token"
    new = credentials(root, "2")
    wait_for("the new key opens", lambda: predict(**{"x-api-key": new}) == 200, 10)
    if predict(**{"x-api-key": old}) != 401 or process.poll() is not None:
        raise Failure("the old key still opens")
    return f"{said} asked for, rotated without a restart"


if __name__ == "__main__":
    sys.exit(main(story))
