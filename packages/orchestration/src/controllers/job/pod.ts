// A pod of a Job, with its index where the Job has some (batch/v1, "Completion mode").
import type { Container, Job, Pod } from "../../api/types.generated.ts";
import { generatedName, podFromTemplate } from "../pods/new-pod.ts";
import { indexAnnotation, trackingFinalizer } from "./progress.ts";

const indexVariable = "JOB_COMPLETION_INDEX";

export function podOfJob(job: Job, index: number | undefined, suffix: string): Pod {
  const { name = "" } = job.metadata;
  const base = index === undefined ? name : `${name}-${index}`;
  const pod = podFromTemplate(job, job.spec.template, generatedName(base, suffix));
  const finalizers = [...(pod.metadata.finalizers ?? []), trackingFinalizer];
  const tracked = { ...pod, metadata: { ...pod.metadata, finalizers } };
  return index === undefined ? tracked : withIndex(tracked, String(index), base);
}

function withIndex(pod: Pod, index: string, hostname: string): Pod {
  const { metadata, spec } = pod;
  const env = {
    name: indexVariable,
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexAnnotation}']` } },
  };
  const told = (container: Container): Container =>
    container.env?.some(({ name }) => name === indexVariable) === true
      ? container
      : { ...container, env: [...(container.env ?? []), env] };
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [indexAnnotation]: index },
      annotations: { ...metadata.annotations, [indexAnnotation]: index },
    },
    spec: {
      ...spec,
      hostname,
      containers: spec.containers.map(told),
      ...(spec.initContainers !== undefined && { initContainers: spec.initContainers.map(told) }),
    },
  };
}
