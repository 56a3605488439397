// What ends a whole SPDY session.

/** The peer broke the protocol in a way after which no frame can be trusted (SPDY Protocol, Draft 3.1, §2.4.1). */
export class SpdyError extends Error {
  override readonly name = "SpdyError";
}
