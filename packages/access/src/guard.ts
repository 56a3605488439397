// What every door asks and tells: who is this, may they, and write down that they did.

/** Somebody who has authenticated. */
export interface Subject {
  readonly kind: "person" | "serviceAccount";
  /** Unique name: what AMQP calls the user, Kubernetes the username. */
  readonly name: string;
  readonly groups: readonly string[];
}

/** What a subject wants to do, in the words of Kubernetes RBAC (rbac.authorization.k8s.io/v1). */
export interface Attributes {
  /** get, list, watch, create, update, delete, publish, consume, purge … */
  readonly verb: string;
  /** API group of a module, such as `messaging.warrener.dev`. */
  readonly apiGroup: string;
  /** Resource, with its subresource behind a slash: `queues`, `queues/messages`. */
  readonly resource: string;
  /** The one object, where there is one. */
  readonly name?: string;
  /** Unit of tenancy; the AMQP virtual host `/` is the namespace `default`. */
  readonly namespace?: string;
}

/** An answer that carries its reason. */
export interface Decision {
  readonly allowed: boolean;
  /** Path to the grant, or what is missing. */
  readonly reason: string;
}

/** What a client presents at a door. A user name may come with a token as its password (AMQP PLAIN, HTTP Basic). */
export interface Credentials {
  readonly username?: string;
  /** Password or API token. */
  readonly secret: string;
}

/** One line of the access log. Never holds a secret. */
export interface AccessEvent {
  /** Name of the subject, or what an unauthenticated client called itself. */
  readonly actor: string;
  /** The door: `amqp`, `rest`, `cli`. */
  readonly door: string;
  /** Address of the peer, where there is one. */
  readonly source?: string;
  readonly verb: string;
  readonly apiGroup: string;
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly allowed: boolean;
  readonly reason: string;
  /** Further facts, such as a file's digest or a count of messages. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** The one guard at every door: authenticate, authorize, record. */
export interface Guard {
  /** @returns who this is, or undefined when the credentials are not valid. Takes the same time either way. */
  authenticate(credentials: Credentials): Subject | undefined;
  /** Pure over the roles known to this process; no I/O, microseconds. */
  authorize(subject: Subject, attributes: Attributes): Decision;
  /**
   * Appends to the access log.
   * @returns a promise that settles when the record is on disk, synced; it rejects when it cannot be written, and the act must then be refused.
   */
  record(event: AccessEvent): Promise<void>;
}
