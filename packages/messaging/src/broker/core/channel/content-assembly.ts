// A publish between its method frame and the end of its body (AMQP 0-9-1 §4.2.6).
import type { Buffer } from "node:buffer";
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import type { BasicPublish } from "../../../amqp/methods.generated.ts";
import { type BlockPool, BodyBlocks, blockBytes } from "../message/blocks.ts";

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
  readonly blocks: BodyBlocks | undefined;
}

export class ContentAssembly {
  readonly publish: BasicPublish;
  readonly #pool: BlockPool;
  #header: Buffer | undefined;
  #blocks: BodyBlocks | undefined;
  readonly #body: Buffer[] = [];
  #bodySize = 0;
  #rest = 0;

  constructor(publish: BasicPublish, pool: BlockPool) {
    this.publish = publish;
    this.#pool = pool;
  }

  /** @throws ConnectionError or ChannelError for a header that is none @returns whether the content is whole */
  header(payload: Buffer): boolean {
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
    this.#rest = this.#bodySize;
    if (this.#bodySize > blockBytes) this.#blocks = new BodyBlocks(this.#pool);
    return this.#rest === 0;
  }

  /** @throws ConnectionError when the body is longer than its header said @returns whether the content is whole */
  body(piece: Buffer): boolean {
    if (this.#header === undefined) throw unexpectedFrame();
    this.#rest -= piece.length;
    if (this.#rest < 0) {
      throw new ConnectionError(
        "FRAME_ERROR",
        `body is ${-this.#rest} octets longer than its header said`,
      );
    }
    if (this.#blocks === undefined) this.#body.push(piece);
    else this.#blocks.append(piece);
    return this.#rest === 0;
  }

  /** Whether the body is copied as it comes, so that pieces need not stay valid. */
  get copies(): boolean {
    return this.#blocks !== undefined;
  }

  get content(): Content {
    if (this.#header === undefined || this.#rest > 0) throw new Error("the content is not whole");
    return {
      header: this.#header,
      body: this.#blocks?.body ?? this.#body,
      bodySize: this.#bodySize,
      blocks: this.#blocks,
    };
  }
}

function unexpectedFrame(): ConnectionError {
  return new ConnectionError(
    "UNEXPECTED_FRAME",
    "expected method frame, got non method frame instead",
  );
}
