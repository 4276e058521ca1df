"""Streams one Complete from Python, on gRPC's C core: the request as JSON on standard input, the events as JSON out.

Usage: stream.py PROTO_ROOT ADDRESS
"""

import json
import sys

import grpc
from client import make_stubs
from google.protobuf import json_format


def main() -> None:
    proto_root, address = sys.argv[1:3]
    make_stubs(proto_root)
    from modeltier.v1 import completion_pb2, router_service_pb2_grpc

    request = json_format.Parse(sys.stdin.read(), completion_pb2.CompleteRequest())
    with grpc.insecure_channel(address) as channel:
        events = router_service_pb2_grpc.RouterServiceStub(channel).Complete(request, timeout=30)
        print(json.dumps([json_format.MessageToDict(event) for event in events]))


if __name__ == "__main__":
    main()
