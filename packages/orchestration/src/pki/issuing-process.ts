// Issues certificates in a process of its own, so that the library for it and its memory are gone when all are issued.
import {
  createAuthority,
  createRequest,
  issueClient,
  issueServer,
  readRequest,
  signRequest,
} from "./certificates.ts";
import type { Order, RequestOrder } from "./issuer.ts";

process.on("message", (order: Order | RequestOrder) => {
  void answerTo(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

async function answerTo(order: Order | RequestOrder): Promise<unknown> {
  switch (order.kind) {
    case "authority":
      return createAuthority(order.name, order.validity);
    case "server":
      return issueServer(order.authority, order.names, order.validity);
    case "client":
      return issueClient(order.authority, order.user, order.validity);
    case "request":
      return createRequest(order.user);
    case "read":
      return readRequest(order.request);
    case "sign":
      return signRequest(order.authority, order.request, order.user, order.validity);
  }
}
