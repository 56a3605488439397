// Runs the behaviour suite on the real RabbitMQ and on the embedded broker.
import { runContract } from "../contract/contract.ts";
import { chapters } from "../contract/index.ts";
import { engines } from "../fixtures/engines.ts";

for (const engine of engines) runContract(engine, chapters);
