"""Streams one Complete on gRPC's C core and cancels it. Prints the names of the events that came before, and the code of the end.

Usage: cancel.py PROTO_ROOT ADDRESS EVENT   (the request as JSON on standard input; EVENT is the one to cancel at)
"""

import json
import sys

import grpc
from client import make_stubs
from google.protobuf import json_format


def main() -> None:
    proto_root, address, last = sys.argv[1:4]
    make_stubs(proto_root)
    from modeltier.v1 import completion_pb2, router_service_pb2_grpc

    request = json_format.Parse(sys.stdin.read(), completion_pb2.CompleteRequest())
    names = []
    with grpc.insecure_channel(address) as channel:
        events = router_service_pb2_grpc.RouterServiceStub(channel).Complete(request, timeout=60)
        try:
            for event in events:
                names.append(event.WhichOneof("event"))
                if names[-1] == last:
                    events.cancel()
        except grpc.RpcError as error:
            print(json.dumps({"events": names, "code": error.code().name}))


if __name__ == "__main__":
    main()
