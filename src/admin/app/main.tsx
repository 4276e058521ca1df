import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { queries, transport } from "./api/client.ts";
import { Frame } from "./frame/Frame.tsx";
import "./look.css";
import { copyExactValues } from "./parts/values.tsx";

document.addEventListener("copy", copyExactValues);
const page = document.getElementById("page");
if (page === null) throw new Error("the document has no #page");
createRoot(page).render(
  <TransportProvider transport={transport}>
    <QueryClientProvider client={queries}>
      <Frame />
    </QueryClientProvider>
  </TransportProvider>,
);
