// Issues certificates in a process of its own, so that the library for it and its memory are gone when all are issued.
import { createAuthority, type Identity, issueClient, issueServer } from "./certificates.ts";
import type { Order } from "./issuer.ts";

process.on("message", (order: Order) => {
  void issue(order).then(
    (identity) => process.send?.({ identity }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

function issue(order: Order): Promise<Identity> {
  switch (order.kind) {
    case "authority":
      return createAuthority(order.name, order.validity);
    case "server":
      return issueServer(order.authority, order.names, order.validity);
    case "client":
      return issueClient(order.authority, order.user, order.validity);
  }
}
