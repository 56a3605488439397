// What a pod's manifest asks for and its node, at its level of isolation, does not do: told plainly, once.
import type { Container, ContainerPort, Pod } from "../../api/types.generated.ts";
import type { IsolationLevel } from "./isolation.ts";
import type { Remark } from "./limits-remark.ts";
import { containersOf } from "./pod-state.ts";

/** @returns undefined where everything is done */
export function isolationRemark(pod: Pod, level: IsolationLevel): Remark | undefined {
  const fields = [
    ...podFields(pod, level),
    ...containersOf(pod).flatMap((each) => containerFields(each, level)),
  ];
  if (fields.length === 0) return undefined;
  const message = `at isolation level ${level} this node does nothing about: ${[...new Set(fields)].join(", ")}`;
  return { type: "Warning", reason: "NotEnforced", message };
}

function podFields({ spec }: Pod, level: IsolationLevel): readonly string[] {
  const { securityContext = {}, hostAliases = [], dnsConfig, setHostnameAsFQDN } = spec;
  const { fsGroup, supplementalGroups = [] } = securityContext;
  return named({
    ...profiles(securityContext),
    "securityContext.sysctls": (securityContext.sysctls ?? []).length > 0,
    "securityContext.fsGroup": fsGroup !== undefined && level !== "L2",
    "securityContext.supplementalGroups": supplementalGroups.length > 0 && level !== "L2",
    hostAliases: hostAliases.length > 0 && level === "L0",
    dnsConfig: dnsConfig !== undefined && level === "L0",
    setHostnameAsFQDN: setHostnameAsFQDN === true && level === "L0",
  });
}

function containerFields(container: Container, level: IsolationLevel): readonly string[] {
  const { securityContext = {}, volumeMounts = [], ports = [] } = container;
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities = {} } = securityContext;
  return named({
    ...profiles(securityContext),
    "securityContext.readOnlyRootFilesystem": readOnlyRootFilesystem === true && level === "L0",
    "securityContext.allowPrivilegeEscalation":
      allowPrivilegeEscalation === false && level === "L0",
    "securityContext.capabilities.drop": (capabilities.drop ?? []).length > 0 && level === "L0",
    "securityContext.capabilities.add": (capabilities.add ?? []).length > 0 && level === "L1",
    "volumeMounts.mountPropagation": volumeMounts.some(
      ({ mountPropagation = "None" }) => mountPropagation !== "None",
    ),
    "ports.hostPort": ports.some(isElsewhere) && level !== "L2",
  });
}

/** A process of the machine listens there itself where both are the same. */
function isElsewhere({ hostPort, containerPort }: ContainerPort): boolean {
  return hostPort !== undefined && hostPort !== containerPort;
}

/** Kept to at no level. */
function profiles(context: {
  readonly seccompProfile?: { readonly type: string };
  readonly appArmorProfile?: { readonly type: string };
  readonly seLinuxOptions?: object;
}): Readonly<Record<string, boolean>> {
  const { seccompProfile, appArmorProfile, seLinuxOptions } = context;
  const isAsked = (profile: { readonly type: string } | undefined): boolean =>
    profile !== undefined && profile.type !== "Unconfined";
  return {
    "securityContext.seccompProfile": isAsked(seccompProfile),
    "securityContext.appArmorProfile": isAsked(appArmorProfile),
    "securityContext.seLinuxOptions": seLinuxOptions !== undefined,
  };
}

function named(asked: Readonly<Record<string, boolean>>): readonly string[] {
  return Object.entries(asked).flatMap(([field, isAsked]) => (isAsked ? [field] : []));
}
