"""A stranger's client of the daemon's gRPC: it has no file of ours, and learns the service by reflection.

    pip install grpcio grpcio-reflection grpcio-status googleapis-common-protos
    dbal_daemon --config=dbal.yaml          # with `server: { reflection: true }`
    python client.py localhost:50051 [token]
"""

import sys
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status


class Dbal:
    """The service, with plain Python values."""

    def __init__(self, channel: grpc.Channel, token: str | None):
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.service = pool.FindServiceByName("dbal.v1.Dbal")
        self.message = lambda name: GetMessageClass(pool.FindMessageTypeByName(f"dbal.v1.{name}"))
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.channel = channel

    def method(self, kind: str, name: str):
        method = self.service.methods_by_name[name]
        return getattr(self.channel, kind)(
            f"/dbal.v1.Dbal/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )

    def value(self, of):
        sent = self.message("Value")()
        match of:
            case None:
                sent.null = 0
            case bool():
                sent.bool = of
            case int():
                sent.int = of
            case float():
                sent.float = of
            case str():
                sent.text = of
            case uuid.UUID():
                sent.uuid = of.bytes
            case bytes():
                sent.bytes = of
            case list():
                sent.list.SetInParent()
                sent.list.values.extend(self.value(item) for item in of)
            case dict():
                sent.object.CopyFrom(self.object(of))
        return sent

    def object(self, of: dict):
        made = self.message("Object")()
        for name, value in of.items():
            made.members.add(name=name).value.CopyFrom(self.value(value))
        return made

    def plain(self, value):
        kind = value.WhichOneof("kind")
        match kind:
            case "null":
                return None
            case "uuid":
                return uuid.UUID(bytes=value.uuid)
            case "list":
                return [self.plain(item) for item in value.list.values]
            case "object":
                return {member.name: self.plain(member.value) for member in value.object.members}
            case "row" | "rows":
                return self.rows(getattr(value, kind))
        return getattr(value, kind)

    def rows(self, rows) -> list[dict]:
        return [
            {name: self.plain(value) for name, value in zip(rows.columns, row.values) if value.WhichOneof("kind")}
            for row in rows.rows
        ]

    def request(self, operation: str, entity: str, args: dict):
        return self.message("Request")(operation=operation, entity=entity, args=self.object(args))

    def execute(self, operation: str, entity: str, **args):
        answer = self.method("unary_unary", "Execute")(
            self.request(operation, entity, args), metadata=self.metadata, timeout=10
        )
        kind = answer.WhichOneof("answer")
        match kind:
            case "row" | "rows":
                return self.rows(getattr(answer, kind))
            case "page":
                return self.rows(answer.page.data), answer.page.total
            case "value":
                return self.plain(answer.value)
        return getattr(answer, kind)

    def stream(self, entity: str, **args):
        request = self.request("stream", entity, args)
        for part in self.method("unary_stream", "Stream")(request, metadata=self.metadata, timeout=30):
            yield from self.rows(part)


def fault(error: grpc.RpcError) -> tuple[str, list[str]]:
    """The code of the catalogue, and the fields that are at fault."""
    status, info, bad = rpc_status.from_call(error), error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    return info.reason, [violation.field for violation in bad.field_violations]


def main(address: str, token: str | None) -> None:
    with grpc.insecure_channel(address) as channel:
        dbal = Dbal(channel, token)
        name = f"ada-{uuid.uuid4().hex[:8]}"
        [ada] = dbal.execute("create", "User", data={"username": name, "email": f"{name}@example.org"})
        print("made", ada or "a row that its maker may not read")
        try:
            dbal.execute("create", "User", data={"username": "a", "email": "no"})
        except grpc.RpcError as error:
            print("refused:", error.code().name, *fault(error))
        print("pages:", dbal.execute("list", "PageView", sort={"slug": "asc"}, limit=5))
        print("streamed:", sum(1 for _ in dbal.stream("PageView")))
        print("users that this caller sees:", len(dbal.execute("list", "User")[0]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
