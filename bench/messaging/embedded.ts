// The embedded broker as a process of its own, for measuring: prints its URL, stops on SIGTERM.
import { startBroker } from "@warrener/messaging";

const [dataDir] = process.argv.slice(2);
const broker = await startBroker({
  port: 0,
  allowGuest: true,
  ...(dataDir === undefined ? {} : { dataDir }),
});
process.stdout.write(`${broker.url}\n`);
process.once("SIGTERM", () => void broker.close());
