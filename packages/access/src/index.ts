export type { Role, Rule } from "./core/rules.ts";
export { redactSecrets, tokenPrefix } from "./core/secrets.ts";
export type { Session, SignInLink } from "./edge/access.ts";
export { Access, AccessError, type AccessOptions, openAccess } from "./edge/access.ts";
export { AccessLogError } from "./edge/access-log.ts";
export type { Binding } from "./edge/grant-store.ts";
export type { Token } from "./edge/secret-store.ts";
export { type Verification, verifyAccessLog } from "./edge/verify.ts";
export type { AccessEvent, Attributes, Credentials, Decision, Guard, Subject } from "./guard.ts";
