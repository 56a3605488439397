// What to tell a person whose node does not join or start, and what to try.
import { JoinError, type JoinProblem, type Membership, StatusError } from "@warrener/orchestration";
import { CliError } from "../errors.ts";

const newToken = "warrener node token, where the control plane runs, prints a new command";

export function whyNotJoined(error: unknown, name: string | undefined): unknown {
  if (error instanceof TypeError && "code" in error && error.code === "ERR_INVALID_URL")
    return new CliError("the address after --join is no URL", { remedy: newToken, cause: error });
  if (!(error instanceof JoinError)) return error;
  return new CliError(error.message, { remedy: joinRemedies[error.problem](name), cause: error });
}

const joinRemedies: Readonly<Record<JoinProblem, (name: string | undefined) => string>> = {
  unreachable: () => "warrener up there, and the address that warrener node token prints",
  untrusted: () => newToken,
  token: () => newToken,
  name: (name) =>
    name === undefined
      ? "--name NAME"
      : `another name: --name ${name}-2, or start ${name} from its own data folder: --data DIR`,
  refused: () => "kubectl get csr",
};

/** Of TLS: whoever answers is not of the cluster that the node has joined. */
const untrusted = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

export function whyNotStarted(
  error: unknown,
  { name, server }: Membership,
  folder: string,
): unknown {
  const { code = "" } = error as NodeJS.ErrnoException;
  const cause = error;
  if (untrusted.has(code) || (error instanceof StatusError && error.reason === "Unauthorized"))
    return new CliError(`${server} is not the cluster any more that node ${name} has joined`, {
      remedy: `join anew from another folder: --data DIR, or after rm -r ${folder}`,
      cause,
    });
  if (error instanceof StatusError && error.reason === "Invalid")
    return new CliError(error.message, {
      remedy: `kubectl get nodes -o custom-columns=NAME:.metadata.name,SHARE:.spec.podCIDR, and leave --pod-addresses out`,
      cause,
    });
  if (error instanceof StatusError || !(error instanceof Error) || code === "") return error;
  return new CliError(`${server} cannot be reached: ${error.message}`, {
    remedy: `warrener up there; pods of ${name} that run go on meanwhile`,
    cause,
  });
}
