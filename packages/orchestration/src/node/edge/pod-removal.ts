// Takes a pod off the API for good: nothing of it runs.
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import { type Client, isReason } from "../../client/client.ts";

/** One that is gone already, or is another by now, is left alone. */
export async function removePod(client: Client, { metadata }: Pod): Promise<void> {
  const { namespace, name = "", uid = "" } = metadata;
  try {
    await client.delete(kinds.pods, namespace, name, {
      gracePeriodSeconds: 0,
      preconditions: { uid },
    });
  } catch (error) {
    if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
  }
}
