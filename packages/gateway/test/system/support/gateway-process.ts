// A gateway in a process of its own, to be killed; prints its URL.
import { openAccess } from "@warrener/access";
import { startGateway } from "../../../src/index.ts";

const [, , dataDir = "", amqpUrl = ""] = process.argv;
const access = await openAccess({ dataDir, shard: "gateway" });
const gateway = await startGateway({ dataDir, access, amqpUrl, port: 0 });
console.log(gateway.url);
