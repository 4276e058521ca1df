import type { Case, Context } from "../lib/context.ts";
import { answerFileOf, startConnectFloor, startGrpcFloor } from "../lib/floors.ts";
import { ratioRow } from "../lib/results.ts";
import { runRounds, throughput } from "../lib/rounds.ts";
import { startSubject } from "../lib/subject.ts";
import { routeOverConnect, routeOverGrpc } from "../lib/workloads.ts";

const FLOOR_SHARE = 0.8;

const openSubject = async (context: Context, stack: AsyncDisposableStack) => {
  const subject = await startSubject({
    upstream: `${context.upstream}/short/v1`,
    databaseUrl: await context.createDatabase(),
  });
  stack.defer(() => subject.stop());
  return subject;
};

export const routeCase: Case = {
  name: "route",
  about: "Route over native gRPC against a bare grpc-js server that answers the same messages",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const subject = await openSubject(context, stack);
    const request = routeOverGrpc(subject.grpcUrl);
    const floor = await startGrpcFloor("route", await answerFileOf(request));
    stack.defer(() => floor.stop());
    const shape = context.shape(16, 4);
    const measured = await runRounds(
      [
        await throughput("subject", request, shape, subject.pid),
        await throughput("floor", routeOverGrpc(`http://127.0.0.1:${floor.port}`), shape, floor.pid),
      ],
      context.options.rounds,
    );
    return [
      ratioRow({
        case: "route",
        what: "Route, native gRPC",
        subject: "Modeltier",
        reference: "bare grpc-js",
        figureUnit: "1/s",
        subjectValues: measured.values("subject"),
        referenceValues: measured.values("floor"),
        serverBusy: measured.busy("subject"),
        target: { atLeast: FLOOR_SHARE },
      }),
    ];
  },
};

export const routeConnectCase: Case = {
  name: "route-connect",
  about: "Route as Connect JSON over HTTP/1.1 against a bare connect-node server",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const subject = await openSubject(context, stack);
    const floor = await startConnectFloor(await answerFileOf(routeOverGrpc(subject.grpcUrl)));
    stack.defer(() => floor.stop());
    const shape = context.shape(64, 1);
    const measured = await runRounds(
      [
        await throughput("subject", routeOverConnect(subject.httpUrl), shape, subject.pid),
        await throughput("floor", routeOverConnect(`http://127.0.0.1:${floor.port}`), shape, floor.pid),
      ],
      context.options.rounds,
    );
    return [
      ratioRow({
        case: "route-connect",
        what: "Route, Connect JSON",
        subject: "Modeltier",
        reference: "bare connect-node",
        figureUnit: "1/s",
        subjectValues: measured.values("subject"),
        referenceValues: measured.values("floor"),
        serverBusy: measured.busy("subject"),
        target: { atLeast: FLOOR_SHARE },
      }),
    ];
  },
};
