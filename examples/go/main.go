// A first call from Go: routes a step and streams the answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	modeltierv1 "modeltier.example/first-call/stubs/modeltier/v1"
)

func main() {
	connection, err := grpc.NewClient("127.0.0.1:50051", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()

	events, err := modeltierv1.NewRouterServiceClient(connection).Complete(context.Background(), &modeltierv1.CompleteRequest{
		Routing: &modeltierv1.CompleteRequest_Route{
			Route: &modeltierv1.RouteRequest{AgentId: "first-agent", Intent: modeltierv1.Intent_INTENT_SUMMARIZE},
		},
		Messages: []*modeltierv1.Message{{
			Role:  modeltierv1.Role_ROLE_USER,
			Parts: []*modeltierv1.Part{{Content: &modeltierv1.Part_Text{Text: "Say hello"}}},
		}},
	})
	for err == nil {
		var message *modeltierv1.CompleteResponse
		if message, err = events.Recv(); err == nil {
			show(message)
		}
	}
	if !errors.Is(err, io.EOF) {
		log.Fatal(err)
	}
}

func show(message *modeltierv1.CompleteResponse) {
	switch event := message.Event.(type) {
	case *modeltierv1.CompleteResponse_Decision:
		fmt.Printf("%s → %s/%s\n", event.Decision.Tier, event.Decision.Provider, event.Decision.Model)
	case *modeltierv1.CompleteResponse_TextDelta:
		fmt.Print(event.TextDelta.Text)
	case *modeltierv1.CompleteResponse_Completed:
		fmt.Printf("\n%d nano-USD\n", event.Completed.CostNanoUsd)
	}
}
