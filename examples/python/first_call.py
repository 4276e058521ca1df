import grpc
from modeltier.v1 import completion_pb2 as completion
from modeltier.v1 import router_service_pb2_grpc, routing_pb2

router = router_service_pb2_grpc.RouterServiceStub(grpc.insecure_channel("127.0.0.1:50051"))

events = router.Complete(
    completion.CompleteRequest(
        route=routing_pb2.RouteRequest(agent_id="first-agent", intent=routing_pb2.INTENT_SUMMARIZE),
        messages=[completion.Message(role=completion.ROLE_USER, parts=[completion.Part(text="Say hello")])],
    )
)

for event in events:
    match event.WhichOneof("event"):
        case "decision":
            print(f"{routing_pb2.Tier.Name(event.decision.tier)} → {event.decision.provider}/{event.decision.model}")
        case "text_delta":
            print(event.text_delta.text, end="", flush=True)
        case "completed":
            print(f"\n{event.completed.cost_nano_usd} nano-USD")
