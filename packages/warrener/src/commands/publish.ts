// `warrener publish`: one message to a queue, answered when the broker has it on disk.
import { Command } from "commander";
import { Api } from "../api.ts";
import { devEnvironment } from "../data-folder.ts";
import { settings } from "../settings.ts";

export const publishCommand = new Command("publish")
  .description("publish one message to a queue")
  .argument("<queue>", "made if it is not there")
  .argument("<body>", "JSON, or any text")
  .addOption(settings.data())
  .addHelpText("after", `\nExample:\n  warrener publish hello '{"n":1}'`)
  .action(async (queue: string, body: string, { data }: { readonly data: string }) => {
    const api = new Api(devEnvironment(data));
    const path = `/api/v1/queues/${encodeURIComponent(queue)}`;
    await api.request(path, { method: "PUT" });
    const headers = {
      "content-type": isJson(body) ? "application/json" : "text/plain; charset=utf-8",
    };
    const { messageId } = await api.json<{ readonly messageId: string }>(`${path}/messages`, {
      method: "POST",
      headers,
      body,
    });
    process.stdout.write(`confirmed: ${messageId}\n`);
  });

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
