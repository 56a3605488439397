export type { AccessEvent, Attributes, Credentials, Decision, Guard, Subject } from "./guard.ts";
