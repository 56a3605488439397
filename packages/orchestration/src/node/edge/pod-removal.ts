// Takes a pod off the API for good: nothing of it runs.
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import { type Client, deleteIfThere } from "../../client/client.ts";

/** One that is gone already, or is another by now, is left alone. */
export async function removePod(client: Client, pod: Pod): Promise<void> {
  await deleteIfThere(client, kinds.pods, pod, { gracePeriodSeconds: 0 });
}
