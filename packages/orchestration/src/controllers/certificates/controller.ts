// Certificates of nodes: approves their requests, signs what is approved, and forgets requests that are over.
import { kinds } from "../../api/kinds.ts";
import type { CertificateSigningRequest } from "../../api/types.generated.ts";
import { change, deleteIfThere } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { isReady } from "../../node/core/node-object.ts";
import type { Identity } from "../../pki/certificates.ts";
import { Issuer } from "../../pki/issuer.ts";
import { nodeSigner, nodesGroup, nodeUserName } from "../../server/auth/node-user.ts";
import { type Controller, type ControllerContext, itself } from "../runtime/controller.ts";
import { judge, nodeOfSubject } from "./node-request.ts";

export interface CertificateOptions {
  readonly authority: Identity;
  /** Names of nodes of this process: nobody joins as one of them, alive or not. */
  readonly ownNodes: readonly string[];
}

const hourMs = 3600_000;
/** Requests that are answered, and those that nobody answers (Kubernetes, "csrcleaner"). */
const keptMs = { answered: hourMs, pending: 24 * hourMs };
/** Renewed at half of it, so a node may be off for 15 days and needs no new token. */
const certificateLifeMs = 30 * 24 * hourMs;
const backdatedMs = 5 * 60_000;
/** A node that has just been let in is not registered yet, and its name is taken all the same. */
const joiningMs = 30_000;

type Condition = NonNullable<
  NonNullable<CertificateSigningRequest["status"]>["conditions"]
>[number];

export function certificateController(
  context: ControllerContext,
  { authority, ownNodes }: CertificateOptions,
): Controller {
  const { client, clock, informers } = context;
  const requests = informers.of(kinds.certificateSigningRequests);
  const nodes = informers.of(kinds.nodes);
  const joining = new Map<string, number>();

  const isInUse = (node: string): boolean =>
    ownNodes.includes(node) ||
    isReady(nodes.get(undefined, node)) ||
    clock.nowMs() - (joining.get(node) ?? Number.NEGATIVE_INFINITY) < joiningMs;

  async function conclude(
    request: CertificateSigningRequest,
    condition: Omit<Condition, "status">,
  ): Promise<CertificateSigningRequest | undefined> {
    const now = timestamp(clock.nowMs());
    const all = request.status?.conditions ?? [];
    const added = { ...condition, status: "True", lastUpdateTime: now, lastTransitionTime: now };
    const next = { ...request, status: { ...request.status, conditions: [...all, added] } };
    const kind = kinds.certificateSigningRequests;
    const written = await client.updateSubresource(kind, next, "approval");
    return written as CertificateSigningRequest;
  }

  async function sign(request: CertificateSigningRequest, node: string): Promise<void> {
    using issuer = new Issuer();
    const nowMs = clock.nowMs();
    const { expirationSeconds = Infinity } = request.spec;
    const lifeMs = Math.min(certificateLifeMs, expirationSeconds * 1000);
    const certificate = await issuer.sign({
      authority,
      request: pemOf(request),
      user: { name: nodeUserName(node), groups: [nodesGroup] },
      validity: { notBeforeMs: nowMs - backdatedMs, notAfterMs: nowMs + lifeMs },
    });
    const encoded = Buffer.from(certificate).toString("base64");
    await change(
      client,
      kinds.certificateSigningRequests,
      request,
      { status: true },
      (current) => ({
        ...current,
        status: { ...current.status, certificate: encoded },
      }),
    );
  }

  /** @returns the node that it is for, or why it is for none */
  async function read(
    request: CertificateSigningRequest,
  ): Promise<{ readonly node: string } | { readonly problem: string }> {
    using issuer = new Issuer();
    try {
      const node = nodeOfSubject(await issuer.read(pemOf(request)));
      const problem = `the subject must be CN=system:node:NAME, O=${nodesGroup}, and nothing else`;
      return node === undefined ? { problem } : { node };
    } catch (error) {
      return { problem: `spec.request cannot be read: ${String(error)}` };
    }
  }

  async function answer(request: CertificateSigningRequest): Promise<void> {
    const wanted = await read(request);
    if ("problem" in wanted) {
      const { problem: message } = wanted;
      await conclude(request, { type: "Failed", reason: "NotOfANode", message });
      return;
    }
    const { node } = wanted;
    if (has(request, "Approved")) return sign(request, node);
    const verdict = judge(request, node, isInUse);
    if (verdict.kind === "leave") return;
    const { reason, message } = verdict;
    const isApproved = verdict.kind === "approve";
    if (isApproved) joining.set(node, clock.nowMs());
    await conclude(request, { type: isApproved ? "Approved" : "Denied", reason, message });
  }

  return {
    name: "certificate-controller",
    watches: [itself(kinds.certificateSigningRequests)],
    concurrency: 1, // two that ask for one name are judged one after the other
    async reconcile(key) {
      const request = requests.get(undefined, splitKey(key).name);
      if (request === undefined) return undefined;
      const ageMs = clock.nowMs() - Date.parse(request.metadata.creationTimestamp ?? "");
      const isOver = isAnswered(request);
      const leftMs = (isOver ? keptMs.answered : keptMs.pending) - ageMs;
      if (leftMs <= 0) {
        await deleteIfThere(client, kinds.certificateSigningRequests, request);
        return undefined;
      }
      if (!isOver && request.spec.signerName === nodeSigner) await answer(request);
      return { requeueAfterMs: leftMs };
    },
  };
}

function isAnswered(request: CertificateSigningRequest): boolean {
  return (
    request.status?.certificate !== undefined || has(request, "Denied") || has(request, "Failed")
  );
}

function has({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some((each) => each.type === type) ?? false;
}

function pemOf({ spec }: CertificateSigningRequest): string {
  return Buffer.from(spec.request, "base64").toString();
}
