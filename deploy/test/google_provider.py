"""Stands where Terraform expects its google provider, and says what google_schema.py has written: enough for Terraform
itself to validate a configuration and, with the answers of mocks, to plan it. Prints TF_REATTACH_PROVIDERS, then serves
until it is ended.

    google_provider.py SCHEMA SOCKET

The protocol is Terraform's version 5 (tfplugin5.proto): a few messages, written here by hand.
"""

import json
import os
import signal
import sys
from concurrent import futures

import grpc

NESTING = {"single": 1, "list": 2, "set": 3}
SOURCE = "hashicorp/google"


def number(value: int) -> bytes:
    """A varint of protocol buffers."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(index: int, value) -> bytes:
    """A field: an integer or truth value, or what has a length."""
    if isinstance(value, int):
        return number(index << 3) + number(int(value)) if value else b""
    value = value.encode() if isinstance(value, str) else value
    return number(index << 3 | 2) + number(len(value)) + value


def attribute(name: str, about: dict) -> bytes:
    flags = [field(index, about[flag]) for index, flag in ((4, "required"), (5, "optional"), (6, "computed"))]
    return field(1, name) + field(2, json.dumps(about["type"])) + b"".join(flags)


def block(about: dict) -> bytes:
    attributes = (field(2, attribute(name, each)) for name, each in about["attributes"].items())
    blocks = (field(3, nested(name, each)) for name, each in about["blocks"].items())
    return b"".join([*attributes, *blocks])


def nested(name: str, about: dict) -> bytes:
    limits = field(3, NESTING[about["nesting"]]) + field(4, about["least"]) + field(5, about["most"])
    return field(1, name) + field(2, block(about["block"])) + (limits if about["nesting"] != "single" else field(3, 1))


def schemas(schema: dict) -> bytes:
    """GetProviderSchema.Response."""

    def entries(index: int, types: dict) -> list[bytes]:
        return [field(index, field(1, name) + field(2, field(2, block(about)))) for name, about in types.items()]

    return b"".join(
        [field(1, field(2, block(schema["provider"]))), *entries(2, schema["resource"]), *entries(3, schema["data"])]
    )


class Provider(grpc.GenericRpcHandler):
    """Accepts every configuration that the schema allows: what Terraform itself has not refused is not refused here."""

    def __init__(self, schema: bytes):
        self.answers = {
            "GetSchema": lambda _: schema,
            # The configuration as it came.
            "PrepareProviderConfig": lambda request: request,
            "ValidateResourceTypeConfig": lambda _: b"",
            "ValidateDataSourceConfig": lambda _: b"",
            "Stop": lambda _: b"",
        }

    def service(self, details):
        answer = self.answers.get(details.method.removeprefix("/tfplugin5.Provider/"))
        return answer and grpc.unary_unary_rpc_method_handler(lambda request, _: answer(request))


def main(schema: str, socket: str):
    with open(schema, encoding="utf-8") as file:
        answer = schemas(json.load(file))
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers([Provider(answer)])
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    address = {"Network": "unix", "String": socket}
    reattach = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": address}
    print(json.dumps({SOURCE: reattach}), flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    main(*sys.argv[1:])
