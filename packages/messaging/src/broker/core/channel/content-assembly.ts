// A publish between its method frame and the end of its body (AMQP 0-9-1 §4.2.6).
import { Buffer } from "node:buffer";
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import type { BasicPublish } from "../../../amqp/methods.generated.ts";
import { type BlockPool, blockBytes, SharedBlocks } from "../message/blocks.ts";

/** Larger messages are refused, as RabbitMQ's default does. */
const messageBytesMax = 128 * 1024 * 1024;
const basicClass = 60;
/** Class id, weight, body size and property flags. */
const headerMin = 14;

/** What a publish carries; a small one as views on what the socket received. */
export interface Content {
  readonly header: Buffer;
  readonly body: readonly Buffer[];
  readonly bodySize: number;
  readonly blocks: SharedBlocks | undefined;
}

export class ContentAssembly {
  readonly publish: BasicPublish;
  readonly #pool: BlockPool;
  #header: Buffer | undefined;
  /** What a large body is copied to. */
  #own: SharedBlocks | undefined;
  /** What header and body of a small one lie in. */
  #shared: SharedBlocks | undefined;
  #body: Buffer[] = [];
  #bodySize = 0;
  #rest = 0;

  constructor(publish: BasicPublish, pool: BlockPool) {
    this.publish = publish;
    this.#pool = pool;
  }

  /** @throws ConnectionError or ChannelError for a header that is none @returns whether the content is whole */
  header(payload: Buffer, blocks: SharedBlocks | undefined): boolean {
    if (this.#header !== undefined) throw unexpectedFrame();
    if (payload.length < headerMin)
      throw new ConnectionError("FRAME_ERROR", "content header too short");
    const classId = payload.readUInt16BE(0);
    if (classId !== basicClass) {
      throw new ConnectionError(
        "UNEXPECTED_FRAME",
        `expected content header for class ${basicClass}, got one for class ${classId} instead`,
      );
    }
    this.#bodySize = payload.readUInt32BE(4) * 0x1_0000_0000 + payload.readUInt32BE(8);
    if (this.#bodySize > messageBytesMax) {
      throw new ChannelError(
        "PRECONDITION_FAILED",
        `message size ${this.#bodySize} is larger than configured max size ${messageBytesMax}`,
      );
    }
    this.#header = payload;
    this.#shared = blocks;
    this.#rest = this.#bodySize;
    if (this.#bodySize > blockBytes) {
      this.#own = new SharedBlocks(this.#pool);
      this.keep();
    }
    return this.#rest === 0;
  }

  /** @throws ConnectionError when the body is longer than its header said @returns whether the content is whole */
  body(piece: Buffer, blocks: SharedBlocks | undefined): boolean {
    if (this.#header === undefined) throw unexpectedFrame();
    this.#rest -= piece.length;
    if (this.#rest < 0) {
      throw new ConnectionError(
        "FRAME_ERROR",
        `body is ${-this.#rest} octets longer than its header said`,
      );
    }
    if (this.#own !== undefined) this.#own.append(piece);
    else {
      this.#body.push(piece);
      this.#shared = blocks;
    }
    return this.#rest === 0;
  }

  /** Whether the body is copied as it comes, so that pieces need not stay valid. */
  get copies(): boolean {
    return this.#own !== undefined;
  }

  /** Copies what lies in shared memory, since that is about to be used again. */
  keep(): void {
    if (this.#shared === undefined) return;
    this.#shared = undefined;
    this.#header = Buffer.from(this.#header as Buffer);
    this.#body = this.#body.map((piece) => Buffer.from(piece));
  }

  get content(): Content {
    if (this.#header === undefined || this.#rest > 0) throw new Error("the content is not whole");
    return {
      header: this.#header,
      body: this.#own?.parts ?? this.#body,
      bodySize: this.#bodySize,
      blocks: this.#own ?? this.#shared,
    };
  }
}

function unexpectedFrame(): ConnectionError {
  return new ConnectionError(
    "UNEXPECTED_FRAME",
    "expected method frame, got non method frame instead",
  );
}
