// Which pod has which address of the node's share.
import { type AddressRange, addressRange, nextAddress } from "../core/pod-address.ts";

export class PodAddresses {
  readonly #range: AddressRange;
  readonly #taken = new Map<string, string>();
  #last: string | undefined;

  /** @param cidr the node's share, such as `127.64.0.0/16` */
  constructor(cidr: string) {
    this.#range = addressRange(cidr);
  }

  /** @returns the pod's own address, a new one when it has none yet */
  take(uid: string): string {
    const own = this.#taken.get(uid);
    if (own !== undefined) return own;
    const address = nextAddress(this.#range, new Set(this.#taken.values()), this.#last);
    if (address === undefined) throw new Error("no address is free for one more pod on this node");
    this.#taken.set(uid, address);
    this.#last = address;
    return address;
  }

  /** For a pod that had it before. */
  reserve(uid: string, address: string): void {
    this.#taken.set(uid, address);
    this.#last = address;
  }

  /** Gives one back that somebody else has; the pod's next one is another. */
  pass(uid: string): void {
    this.#last = this.#taken.get(uid) ?? this.#last;
    this.#taken.delete(uid);
  }

  release(uid: string): void {
    this.#taken.delete(uid);
  }
}
