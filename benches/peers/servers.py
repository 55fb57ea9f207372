"""The servers that are compared, tamis first: what runs each, and what of it is installed."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import install
from common import HERE, INSTALLED, ROOT
from harness.common import binary, require_binary
from loads import Contract, OpenInference

UVICORN = ["--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop", "--http", "httptools"]
UVICORN += ["--no-access-log", "--log-level", "warning"]


@dataclass(frozen=True)
class Peer:
    """How a server is had and run. `{port}`, `{second}` and `{third}` in command and environment become free ports."""

    name: str
    title: str
    command: list[str]
    # The file or the folder whose size counts.
    installed: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    contract: Contract = Contract()
    scores_texts: bool = True
    # Whether its toxicity model is `simple`.
    same_text_model: bool = True


TAMIS = Peer(
    "tamis",
    "tamis",
    [str(binary()), "--listen", "127.0.0.1:{port}", "--workers", "1", "--bert", "off"],
    binary(),
)
RUST = INSTALLED / "rust/release"
ONNXRUNTIME, SKLEARN, MLSERVER = (INSTALLED / name for name in ("onnxruntime", "sklearn", "mlserver"))
PEERS = [
    TAMIS,
    Peer("axum", "axum, tract", [str(RUST / "axum"), "{port}"], RUST / "axum"),
    Peer("actix", "actix-web, tract", [str(RUST / "actix"), "{port}"], RUST / "actix"),
    Peer(
        "fastapi-onnxruntime",
        "FastAPI, ONNX Runtime",
        [str(ONNXRUNTIME / "bin/uvicorn"), *UVICORN, "fastapi_onnxruntime:app"],
        ONNXRUNTIME,
        {"IRIS": str(INSTALLED / "iris.onnx"), "SIMPLE": str(ROOT / "models/toxicity/simple.onnx")},
        HERE / "python",
    ),
    Peer(
        "fastapi-sklearn",
        "FastAPI, scikit-learn",
        [str(SKLEARN / "bin/uvicorn"), *UVICORN, "fastapi_sklearn:app"],
        SKLEARN,
        folder=HERE / "python",
        same_text_model=False,
    ),
    Peer(
        "mlserver",
        "MLServer, scikit-learn",
        [str(MLSERVER / "bin/mlserver"), "start", "."],
        MLSERVER,
        {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{second}", "MLSERVER_METRICS_PORT": "{third}"},
        INSTALLED / "mlserver-iris",
        OpenInference(),
        scores_texts=False,
    ),
]


def prepare(peer: Peer) -> None:
    """Installs what `peer` needs, unless it is there."""
    match peer.name:
        case "tamis":
            require_binary(binary())
        case "axum" | "actix":
            install.cargo(HERE / "rust", INSTALLED / "rust")
        case "fastapi-onnxruntime":
            install.python(ONNXRUNTIME, HERE / "python/requirements-onnxruntime.txt")
            install.iris_onnx(INSTALLED / "iris.onnx")
        case "fastapi-sklearn":
            install.python(SKLEARN, HERE / "python/requirements-sklearn.txt")
        case "mlserver":
            install.python(MLSERVER, HERE / "python/mlserver/requirements.txt")
            peer.folder.mkdir(exist_ok=True)
            for name in ("settings.json", "model-settings.json"):
                shutil.copy(HERE / "python/mlserver" / name, peer.folder)
            install.run([MLSERVER / "bin/python", HERE / "python/mlserver/train.py", peer.folder / "iris.joblib"])
