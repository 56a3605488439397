// Rows of volumes, claims and storage classes.
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../api/types.generated.ts";
import { ageOf, type CellsOf, nameOf } from "./cells.ts";

const isDefaultClass = "storageclass.kubernetes.io/is-default-class";
const classAnnotation = "volume.beta.kubernetes.io/storage-class";

export const storageRows: Readonly<Record<string, CellsOf>> = {
  "/persistentvolumes": (volume: PersistentVolume, nowMs) => {
    const { spec, status } = volume;
    return [
      nameOf(volume),
      spec.capacity?.["storage"] ?? "",
      accessModesCell(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? "",
      phaseCell(volume),
      spec.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`,
      classCell(volume),
      status?.reason ?? "",
      ageOf(volume, nowMs),
      spec.volumeMode ?? "<unset>",
    ];
  },
  "/persistentvolumeclaims": (claim: PersistentVolumeClaim, nowMs) => {
    const { spec, status } = claim;
    const isBound = Boolean(spec.volumeName);
    return [
      nameOf(claim),
      phaseCell(claim),
      spec.volumeName ?? "",
      isBound ? (status?.capacity?.["storage"] ?? "") : "",
      isBound ? accessModesCell(status?.accessModes) : "",
      classCell(claim),
      ageOf(claim, nowMs),
      spec.volumeMode ?? "<unset>",
    ];
  },
  "storage.k8s.io/storageclasses": (storageClass: StorageClass, nowMs) => {
    const isDefault = storageClass.metadata.annotations?.[isDefaultClass] === "true";
    return [
      isDefault ? `${nameOf(storageClass)} (default)` : nameOf(storageClass),
      storageClass.provisioner,
      storageClass.reclaimPolicy ?? "Delete",
      storageClass.volumeBindingMode ?? "Immediate",
      storageClass.allowVolumeExpansion ?? false,
      ageOf(storageClass, nowMs),
    ];
  },
};

const shortModes = new Map([
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
]);

/** In the order in which kubectl lists them, whatever the object's. */
function accessModesCell(modes: readonly string[] = []): string {
  const given = [...shortModes].filter(([mode]) => modes.includes(mode));
  return given.map(([, short]) => short).join(",");
}

function phaseCell({ metadata, status }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating";
}

function classCell({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? "";
}
