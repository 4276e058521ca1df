/** Loaded into Portkey with `--import`: it has no option for its address, and would listen on every one, asking for no key. */
import { Server } from "node:net";

const listen = Server.prototype.listen;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const [first] = args;
  const port = typeof first === "object" && first !== null && "port" in first ? first.port : first;
  const callback = args.find((argument) => typeof argument === "function") as (() => void) | undefined;
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, callback);
};
