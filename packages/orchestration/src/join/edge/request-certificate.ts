// A node's certificate: a key made here, a request that the server answers (certificates.k8s.io/v1), and the two together.
import { randomBytes } from "node:crypto";
import { kinds } from "../../api/kinds.ts";
import type { CertificateSigningRequest } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import { Informer } from "../../client/informer.ts";
import type { Clock } from "../../clock.ts";
import type { Identity } from "../../pki/certificates.ts";
import { Issuer } from "../../pki/issuer.ts";
import { nodeSigner, nodesGroup, nodeUserName } from "../../server/auth/node-user.ts";
import { JoinError } from "../core/join-error.ts";

const answerMs = 30_000;

/** @throws JoinError when it is denied or nobody answers, StatusError when the request itself is refused */
export async function requestCertificate(
  client: Client,
  clock: Clock,
  node: string,
): Promise<Identity> {
  using issuer = new Issuer();
  const user = { name: nodeUserName(node), groups: [nodesGroup] };
  const { request, key } = await issuer.request(user);
  const name = `node-${node}-${randomBytes(5).toString("hex")}`;
  await client.create(kinds.certificateSigningRequests, {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: {
      request: Buffer.from(request).toString("base64"),
      signerName: nodeSigner,
      usages: ["digital signature", "client auth"],
    },
  });
  const certificate = await answerTo(client, clock, name);
  return { certificate: Buffer.from(certificate, "base64").toString(), key };
}

/** @returns base64 of PEM */
async function answerTo(client: Client, clock: Clock, name: string): Promise<string> {
  const informer = new Informer(client, kinds.certificateSigningRequests, clock, {
    fieldSelector: `metadata.name=${name}`,
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const look = (request: CertificateSigningRequest | undefined): void => {
    const { certificate, conditions = [] } = request?.status ?? {};
    if (certificate !== undefined) resolve(certificate);
    const no = conditions.find(({ type }) => type === "Denied" || type === "Failed");
    if (no === undefined) return;
    const { message = no.type, reason } = no;
    reject(new JoinError(reason === "NameInUse" ? "name" : "refused", message));
  };
  const cancel = clock.after(answerMs, () => {
    const how = `kubectl get csr ${name} shows where it stands`;
    reject(new JoinError("refused", `no certificate within ${answerMs / 1000} s: ${how}`));
  });
  try {
    await informer.start();
    informer.onChange(({ object }) => look(object));
    return await promise;
  } finally {
    cancel();
    informer.stop();
  }
}
