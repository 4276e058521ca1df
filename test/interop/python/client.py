"""A caller in Python, on gRPC's C core: makes its stubs from the protos, asks, and prints what it saw as JSON.

Usage: client.py PROTO_ROOT ADDRESS
"""

import json
import subprocess
import sys
import tempfile

import grpc


def make_stubs(proto_root: str) -> None:
    """Generates the stubs into a temporary folder and puts it on the import path."""
    out = tempfile.mkdtemp(prefix="modeltier-stubs-")
    files = ["routing", "completion", "router_service"]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto_root}", f"--python_out={out}", f"--grpc_python_out={out}"]
        + [f"modeltier/v1/{name}.proto" for name in files],
        check=True,
    )
    sys.path.insert(0, out)


def main() -> None:
    proto_root, address = sys.argv[1:3]
    make_stubs(proto_root)
    from modeltier.v1 import completion_pb2, router_service_pb2_grpc, routing_pb2

    with grpc.insecure_channel(address) as channel:
        router = router_service_pb2_grpc.RouterServiceStub(channel)
        route = routing_pb2.RouteRequest(
            agent_id="test-agent",
            intent=routing_pb2.INTENT_GENERATE,
            agent_ais=routing_pb2.AgentScores(combined_score=5),
        )
        decision = router.Route(route, timeout=10).decision
        request = completion_pb2.CompleteRequest(
            route=routing_pb2.RouteRequest(agent_id="test-agent", intent=routing_pb2.INTENT_SUMMARIZE),
            messages=[
                completion_pb2.Message(role=completion_pb2.ROLE_USER, parts=[completion_pb2.Part(text="Say hello")])
            ],
        )
        events = list(router.Complete(request, timeout=30))
        once = router.CompleteOnce(completion_pb2.CompleteOnceRequest(request=request), timeout=30)
        try:
            router.Route(routing_pb2.RouteRequest(agent_ais=routing_pb2.AgentScores(combined_score=11)), timeout=10)
            refused = "OK"
        except grpc.RpcError as error:
            refused = error.code().name

    print(
        json.dumps(
            {
                "tier": routing_pb2.Tier.Name(decision.tier),
                "target": f"{decision.provider}/{decision.model}",
                "events": [event.WhichOneof("event") for event in events],
                "text": "".join(event.text_delta.text for event in events),
                "onceText": once.text,
                "inputTokens": events[-1].completed.usage.input_tokens,
                "costNanoUsd": str(events[-1].completed.cost_nano_usd),
                "refused": refused,
            }
        )
    )


if __name__ == "__main__":
    main()
