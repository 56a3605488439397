// The face of joining.
export { JoinError, type JoinProblem } from "./core/join-error.ts";
export { createJoinToken } from "./edge/create-join-token.ts";
export { joinCluster } from "./edge/join.ts";
export { Membership } from "./edge/membership.ts";
export { requestCertificate } from "./edge/request-certificate.ts";
