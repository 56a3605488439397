// Made by scripts/generate-types.ts from data/openapi-v2-v1.32.0.min.json. Do not edit.
import type { Json, JsonObject, ObjectMeta } from "./object.ts";

export type Pod = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  readonly status?: PodStatus;
};

export type Node = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: NodeSpec;
  readonly status?: NodeStatus;
};

export type Namespace = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: NamespaceSpec;
  readonly status?: NamespaceStatus;
};

export type Service = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
  readonly status?: ServiceStatus;
};

export type Endpoints = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly subsets?: readonly (EndpointSubset)[];
};

export type ConfigMap = {
  readonly apiVersion: string;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  readonly kind: string;
  readonly metadata: ObjectMeta;
};

export type Secret = {
  readonly apiVersion: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly type?: string;
};

export type ServiceAccount = {
  readonly apiVersion: string;
  readonly automountServiceAccountToken?: boolean;
  readonly imagePullSecrets?: readonly (LocalObjectReference)[];
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly secrets?: readonly (ObjectReference)[];
};

export type Event = {
  readonly action?: string;
  readonly apiVersion: string;
  readonly count?: number;
  readonly eventTime?: string;
  readonly firstTimestamp?: string;
  readonly involvedObject: ObjectReference;
  readonly kind: string;
  readonly lastTimestamp?: string;
  readonly message?: string;
  readonly metadata: ObjectMeta;
  readonly reason?: string;
  readonly related?: ObjectReference;
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
  readonly series?: EventSeries;
  readonly source?: EventSource;
  readonly type?: string;
};

export type ResourceQuota = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ResourceQuotaSpec;
  readonly status?: ResourceQuotaStatus;
};

export type LimitRange = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: LimitRangeSpec;
};

export type PersistentVolumeClaim = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeClaimSpec;
  readonly status?: PersistentVolumeClaimStatus;
};

export type PersistentVolume = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeSpec;
  readonly status?: PersistentVolumeStatus;
};

export type ControllerRevision = {
  readonly apiVersion: string;
  readonly data?: JsonObject;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly revision: number;
};

export type DaemonSet = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: DaemonSetSpec;
  readonly status?: DaemonSetStatus;
};

export type Deployment = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: DeploymentSpec;
  readonly status?: DeploymentStatus;
};

export type ReplicaSet = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ReplicaSetSpec;
  readonly status?: ReplicaSetStatus;
};

export type StatefulSet = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: StatefulSetSpec;
  readonly status?: StatefulSetStatus;
};

export type CronJob = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: CronJobSpec;
  readonly status?: CronJobStatus;
};

export type Job = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: JobSpec;
  readonly status?: JobStatus;
};

export type HorizontalPodAutoscaler = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly status?: HorizontalPodAutoscalerStatus;
};

export type Scale = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ScaleSpec;
  readonly status?: ScaleStatus;
};

export type PodDisruptionBudget = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: PodDisruptionBudgetSpec;
  readonly status?: PodDisruptionBudgetStatus;
};

export type Eviction = {
  readonly apiVersion: string;
  readonly deleteOptions?: DeleteOptions;
  readonly kind: string;
  readonly metadata: ObjectMeta;
};

export type EndpointSlice = {
  readonly addressType: string;
  readonly apiVersion: string;
  readonly endpoints: readonly (Endpoint)[];
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly ports?: readonly (EndpointPort)[];
};

export type Lease = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: LeaseSpec;
};

export type PriorityClass = {
  readonly apiVersion: string;
  readonly description?: string;
  readonly globalDefault?: boolean;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly preemptionPolicy?: string;
  readonly value: number;
};

export type StorageClass = {
  readonly allowVolumeExpansion?: boolean;
  readonly allowedTopologies?: readonly (TopologySelectorTerm)[];
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly mountOptions?: readonly (string)[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly provisioner: string;
  readonly reclaimPolicy?: string;
  readonly volumeBindingMode?: string;
};

export type ClusterRole = {
  readonly aggregationRule?: AggregationRule;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly rules?: readonly (PolicyRule)[];
};

export type ClusterRoleBinding = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly roleRef: RoleRef;
  readonly subjects?: readonly (Subject)[];
};

export type Role = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly rules?: readonly (PolicyRule)[];
};

export type RoleBinding = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly roleRef: RoleRef;
  readonly subjects?: readonly (Subject)[];
};

export type SubjectAccessReview = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: SubjectAccessReviewSpec;
  readonly status?: SubjectAccessReviewStatus;
};

export type SelfSubjectRulesReview = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: SelfSubjectRulesReviewSpec;
  readonly status?: SubjectRulesReviewStatus;
};

export type TokenRequest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: TokenRequestSpec;
  readonly status?: TokenRequestStatus;
};

export type TokenReview = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: TokenReviewSpec;
  readonly status?: TokenReviewStatus;
};

export type CertificateSigningRequest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: CertificateSigningRequestSpec;
  readonly status?: CertificateSigningRequestStatus;
};

export type ValidatingAdmissionPolicy = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ValidatingAdmissionPolicySpec;
  readonly status?: ValidatingAdmissionPolicyStatus;
};

export type ValidatingAdmissionPolicyBinding = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ValidatingAdmissionPolicyBindingSpec;
};

export type MutatingWebhookConfiguration = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly webhooks?: readonly (MutatingWebhook)[];
};

export type ValidatingWebhookConfiguration = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly webhooks?: readonly (ValidatingWebhook)[];
};

export type CustomResourceDefinition = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: CustomResourceDefinitionSpec;
  readonly status?: CustomResourceDefinitionStatus;
};

export type PodSpec = {
  readonly activeDeadlineSeconds?: number;
  readonly affinity?: Affinity;
  readonly automountServiceAccountToken?: boolean;
  readonly containers: readonly (Container)[];
  readonly dnsConfig?: PodDNSConfig;
  readonly dnsPolicy?: string;
  readonly enableServiceLinks?: boolean;
  readonly ephemeralContainers?: readonly (EphemeralContainer)[];
  readonly hostAliases?: readonly (HostAlias)[];
  readonly hostIPC?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostUsers?: boolean;
  readonly hostname?: string;
  readonly imagePullSecrets?: readonly (LocalObjectReference)[];
  readonly initContainers?: readonly (Container)[];
  readonly nodeName?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly os?: PodOS;
  readonly overhead?: Readonly<Record<string, string>>;
  readonly preemptionPolicy?: string;
  readonly priority?: number;
  readonly priorityClassName?: string;
  readonly readinessGates?: readonly (PodReadinessGate)[];
  readonly resourceClaims?: readonly (PodResourceClaim)[];
  readonly resources?: ResourceRequirements;
  readonly restartPolicy?: string;
  readonly runtimeClassName?: string;
  readonly schedulerName?: string;
  readonly schedulingGates?: readonly (PodSchedulingGate)[];
  readonly securityContext?: PodSecurityContext;
  readonly serviceAccount?: string;
  readonly serviceAccountName?: string;
  readonly setHostnameAsFQDN?: boolean;
  readonly shareProcessNamespace?: boolean;
  readonly subdomain?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly tolerations?: readonly (Toleration)[];
  readonly topologySpreadConstraints?: readonly (TopologySpreadConstraint)[];
  readonly volumes?: readonly (Volume)[];
};

export type PodStatus = {
  readonly conditions?: readonly (PodCondition)[];
  readonly containerStatuses?: readonly (ContainerStatus)[];
  readonly ephemeralContainerStatuses?: readonly (ContainerStatus)[];
  readonly hostIP?: string;
  readonly hostIPs?: readonly (HostIP)[];
  readonly initContainerStatuses?: readonly (ContainerStatus)[];
  readonly message?: string;
  readonly nominatedNodeName?: string;
  readonly phase?: string;
  readonly podIP?: string;
  readonly podIPs?: readonly (PodIP)[];
  readonly qosClass?: string;
  readonly reason?: string;
  readonly resize?: string;
  readonly resourceClaimStatuses?: readonly (PodResourceClaimStatus)[];
  readonly startTime?: string;
};

export type NodeSpec = {
  readonly configSource?: NodeConfigSource;
  readonly externalID?: string;
  readonly podCIDR?: string;
  readonly podCIDRs?: readonly (string)[];
  readonly providerID?: string;
  readonly taints?: readonly (Taint)[];
  readonly unschedulable?: boolean;
};

export type NodeStatus = {
  readonly addresses?: readonly (NodeAddress)[];
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly capacity?: Readonly<Record<string, string>>;
  readonly conditions?: readonly (NodeCondition)[];
  readonly config?: NodeConfigStatus;
  readonly daemonEndpoints?: NodeDaemonEndpoints;
  readonly features?: NodeFeatures;
  readonly images?: readonly (ContainerImage)[];
  readonly nodeInfo?: NodeSystemInfo;
  readonly phase?: string;
  readonly runtimeHandlers?: readonly (NodeRuntimeHandler)[];
  readonly volumesAttached?: readonly (AttachedVolume)[];
  readonly volumesInUse?: readonly (string)[];
};

export type NamespaceSpec = {
  readonly finalizers?: readonly (string)[];
};

export type NamespaceStatus = {
  readonly conditions?: readonly (NamespaceCondition)[];
  readonly phase?: string;
};

export type ServiceSpec = {
  readonly allocateLoadBalancerNodePorts?: boolean;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly (string)[];
  readonly externalIPs?: readonly (string)[];
  readonly externalName?: string;
  readonly externalTrafficPolicy?: string;
  readonly healthCheckNodePort?: number;
  readonly internalTrafficPolicy?: string;
  readonly ipFamilies?: readonly (string)[];
  readonly ipFamilyPolicy?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly loadBalancerSourceRanges?: readonly (string)[];
  readonly ports?: readonly (ServicePort)[];
  readonly publishNotReadyAddresses?: boolean;
  readonly selector?: Readonly<Record<string, string>>;
  readonly sessionAffinity?: string;
  readonly sessionAffinityConfig?: SessionAffinityConfig;
  readonly trafficDistribution?: string;
  readonly type?: string;
};

export type ServiceStatus = {
  readonly conditions?: readonly (Condition)[];
  readonly loadBalancer?: LoadBalancerStatus;
};

export type EndpointSubset = {
  readonly addresses?: readonly (EndpointAddress)[];
  readonly notReadyAddresses?: readonly (EndpointAddress)[];
  readonly ports?: readonly (CoreV1EndpointPort)[];
};

export type LocalObjectReference = {
  readonly name?: string;
};

export type ObjectReference = {
  readonly apiVersion?: string;
  readonly fieldPath?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly uid?: string;
};

export type EventSeries = {
  readonly count?: number;
  readonly lastObservedTime?: string;
};

export type EventSource = {
  readonly component?: string;
  readonly host?: string;
};

export type ResourceQuotaSpec = {
  readonly hard?: Readonly<Record<string, string>>;
  readonly scopeSelector?: ScopeSelector;
  readonly scopes?: readonly (string)[];
};

export type ResourceQuotaStatus = {
  readonly hard?: Readonly<Record<string, string>>;
  readonly used?: Readonly<Record<string, string>>;
};

export type LimitRangeSpec = {
  readonly limits: readonly (LimitRangeItem)[];
};

export type PersistentVolumeClaimSpec = {
  readonly accessModes?: readonly (string)[];
  readonly dataSource?: TypedLocalObjectReference;
  readonly dataSourceRef?: TypedObjectReference;
  readonly resources?: VolumeResourceRequirements;
  readonly selector?: LabelSelector;
  readonly storageClassName?: string;
  readonly volumeAttributesClassName?: string;
  readonly volumeMode?: string;
  readonly volumeName?: string;
};

export type PersistentVolumeClaimStatus = {
  readonly accessModes?: readonly (string)[];
  readonly allocatedResourceStatuses?: Readonly<Record<string, string>>;
  readonly allocatedResources?: Readonly<Record<string, string>>;
  readonly capacity?: Readonly<Record<string, string>>;
  readonly conditions?: readonly (PersistentVolumeClaimCondition)[];
  readonly currentVolumeAttributesClassName?: string;
  readonly modifyVolumeStatus?: ModifyVolumeStatus;
  readonly phase?: string;
};

export type PersistentVolumeSpec = {
  readonly accessModes?: readonly (string)[];
  readonly awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource;
  readonly azureDisk?: AzureDiskVolumeSource;
  readonly azureFile?: AzureFilePersistentVolumeSource;
  readonly capacity?: Readonly<Record<string, string>>;
  readonly cephfs?: CephFSPersistentVolumeSource;
  readonly cinder?: CinderPersistentVolumeSource;
  readonly claimRef?: ObjectReference;
  readonly csi?: CSIPersistentVolumeSource;
  readonly fc?: FCVolumeSource;
  readonly flexVolume?: FlexPersistentVolumeSource;
  readonly flocker?: FlockerVolumeSource;
  readonly gcePersistentDisk?: GCEPersistentDiskVolumeSource;
  readonly glusterfs?: GlusterfsPersistentVolumeSource;
  readonly hostPath?: HostPathVolumeSource;
  readonly iscsi?: ISCSIPersistentVolumeSource;
  readonly local?: LocalVolumeSource;
  readonly mountOptions?: readonly (string)[];
  readonly nfs?: NFSVolumeSource;
  readonly nodeAffinity?: VolumeNodeAffinity;
  readonly persistentVolumeReclaimPolicy?: string;
  readonly photonPersistentDisk?: PhotonPersistentDiskVolumeSource;
  readonly portworxVolume?: PortworxVolumeSource;
  readonly quobyte?: QuobyteVolumeSource;
  readonly rbd?: RBDPersistentVolumeSource;
  readonly scaleIO?: ScaleIOPersistentVolumeSource;
  readonly storageClassName?: string;
  readonly storageos?: StorageOSPersistentVolumeSource;
  readonly volumeAttributesClassName?: string;
  readonly volumeMode?: string;
  readonly vsphereVolume?: VsphereVirtualDiskVolumeSource;
};

export type PersistentVolumeStatus = {
  readonly lastPhaseTransitionTime?: string;
  readonly message?: string;
  readonly phase?: string;
  readonly reason?: string;
};

export type DaemonSetSpec = {
  readonly minReadySeconds?: number;
  readonly revisionHistoryLimit?: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
  readonly updateStrategy?: DaemonSetUpdateStrategy;
};

export type DaemonSetStatus = {
  readonly collisionCount?: number;
  readonly conditions?: readonly (DaemonSetCondition)[];
  readonly currentNumberScheduled: number;
  readonly desiredNumberScheduled: number;
  readonly numberAvailable?: number;
  readonly numberMisscheduled: number;
  readonly numberReady: number;
  readonly numberUnavailable?: number;
  readonly observedGeneration?: number;
  readonly updatedNumberScheduled?: number;
};

export type DeploymentSpec = {
  readonly minReadySeconds?: number;
  readonly paused?: boolean;
  readonly progressDeadlineSeconds?: number;
  readonly replicas?: number;
  readonly revisionHistoryLimit?: number;
  readonly selector: LabelSelector;
  readonly strategy?: DeploymentStrategy;
  readonly template: PodTemplateSpec;
};

export type DeploymentStatus = {
  readonly availableReplicas?: number;
  readonly collisionCount?: number;
  readonly conditions?: readonly (DeploymentCondition)[];
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas?: number;
  readonly unavailableReplicas?: number;
  readonly updatedReplicas?: number;
};

export type ReplicaSetSpec = {
  readonly minReadySeconds?: number;
  readonly replicas?: number;
  readonly selector: LabelSelector;
  readonly template?: PodTemplateSpec;
};

export type ReplicaSetStatus = {
  readonly availableReplicas?: number;
  readonly conditions?: readonly (ReplicaSetCondition)[];
  readonly fullyLabeledReplicas?: number;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas: number;
};

export type StatefulSetSpec = {
  readonly minReadySeconds?: number;
  readonly ordinals?: StatefulSetOrdinals;
  readonly persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy;
  readonly podManagementPolicy?: string;
  readonly replicas?: number;
  readonly revisionHistoryLimit?: number;
  readonly selector: LabelSelector;
  readonly serviceName: string;
  readonly template: PodTemplateSpec;
  readonly updateStrategy?: StatefulSetUpdateStrategy;
  readonly volumeClaimTemplates?: readonly (PersistentVolumeClaim)[];
};

export type StatefulSetStatus = {
  readonly availableReplicas?: number;
  readonly collisionCount?: number;
  readonly conditions?: readonly (StatefulSetCondition)[];
  readonly currentReplicas?: number;
  readonly currentRevision?: string;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas: number;
  readonly updateRevision?: string;
  readonly updatedReplicas?: number;
};

export type CronJobSpec = {
  readonly concurrencyPolicy?: string;
  readonly failedJobsHistoryLimit?: number;
  readonly jobTemplate: JobTemplateSpec;
  readonly schedule: string;
  readonly startingDeadlineSeconds?: number;
  readonly successfulJobsHistoryLimit?: number;
  readonly suspend?: boolean;
  readonly timeZone?: string;
};

export type CronJobStatus = {
  readonly active?: readonly (ObjectReference)[];
  readonly lastScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
};

export type JobSpec = {
  readonly activeDeadlineSeconds?: number;
  readonly backoffLimit?: number;
  readonly backoffLimitPerIndex?: number;
  readonly completionMode?: string;
  readonly completions?: number;
  readonly managedBy?: string;
  readonly manualSelector?: boolean;
  readonly maxFailedIndexes?: number;
  readonly parallelism?: number;
  readonly podFailurePolicy?: PodFailurePolicy;
  readonly podReplacementPolicy?: string;
  readonly selector?: LabelSelector;
  readonly successPolicy?: SuccessPolicy;
  readonly suspend?: boolean;
  readonly template: PodTemplateSpec;
  readonly ttlSecondsAfterFinished?: number;
};

export type JobStatus = {
  readonly active?: number;
  readonly completedIndexes?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly (JobCondition)[];
  readonly failed?: number;
  readonly failedIndexes?: string;
  readonly ready?: number;
  readonly startTime?: string;
  readonly succeeded?: number;
  readonly terminating?: number;
  readonly uncountedTerminatedPods?: UncountedTerminatedPods;
};

export type HorizontalPodAutoscalerSpec = {
  readonly behavior?: HorizontalPodAutoscalerBehavior;
  readonly maxReplicas: number;
  readonly metrics?: readonly (MetricSpec)[];
  readonly minReplicas?: number;
  readonly scaleTargetRef: CrossVersionObjectReference;
};

export type HorizontalPodAutoscalerStatus = {
  readonly conditions?: readonly (HorizontalPodAutoscalerCondition)[];
  readonly currentMetrics?: readonly (MetricStatus)[];
  readonly currentReplicas?: number;
  readonly desiredReplicas: number;
  readonly lastScaleTime?: string;
  readonly observedGeneration?: number;
};

export type ScaleSpec = {
  readonly replicas?: number;
};

export type ScaleStatus = {
  readonly replicas: number;
  readonly selector?: string;
};

export type PodDisruptionBudgetSpec = {
  readonly maxUnavailable?: string | number;
  readonly minAvailable?: string | number;
  readonly selector?: LabelSelector;
  readonly unhealthyPodEvictionPolicy?: string;
};

export type PodDisruptionBudgetStatus = {
  readonly conditions?: readonly (Condition)[];
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly disruptedPods?: Readonly<Record<string, string>>;
  readonly disruptionsAllowed: number;
  readonly expectedPods: number;
  readonly observedGeneration?: number;
};

export type DeleteOptions = {
  readonly apiVersion: string;
  readonly dryRun?: readonly (string)[];
  readonly gracePeriodSeconds?: number;
  readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
  readonly kind: string;
  readonly orphanDependents?: boolean;
  readonly preconditions?: Preconditions;
  readonly propagationPolicy?: string;
};

export type Endpoint = {
  readonly addresses: readonly (string)[];
  readonly conditions?: EndpointConditions;
  readonly deprecatedTopology?: Readonly<Record<string, string>>;
  readonly hints?: EndpointHints;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
  readonly zone?: string;
};

export type EndpointPort = {
  readonly appProtocol?: string;
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
};

export type LeaseSpec = {
  readonly acquireTime?: string;
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly leaseTransitions?: number;
  readonly preferredHolder?: string;
  readonly renewTime?: string;
  readonly strategy?: string;
};

export type TopologySelectorTerm = {
  readonly matchLabelExpressions?: readonly (TopologySelectorLabelRequirement)[];
};

export type AggregationRule = {
  readonly clusterRoleSelectors?: readonly (LabelSelector)[];
};

export type PolicyRule = {
  readonly apiGroups?: readonly (string)[];
  readonly nonResourceURLs?: readonly (string)[];
  readonly resourceNames?: readonly (string)[];
  readonly resources?: readonly (string)[];
  readonly verbs: readonly (string)[];
};

export type RoleRef = {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
};

export type Subject = {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
};

export type SubjectAccessReviewSpec = {
  readonly extra?: Readonly<Record<string, readonly (string)[]>>;
  readonly groups?: readonly (string)[];
  readonly nonResourceAttributes?: NonResourceAttributes;
  readonly resourceAttributes?: ResourceAttributes;
  readonly uid?: string;
  readonly user?: string;
};

export type SubjectAccessReviewStatus = {
  readonly allowed: boolean;
  readonly denied?: boolean;
  readonly evaluationError?: string;
  readonly reason?: string;
};

export type SelfSubjectRulesReviewSpec = {
  readonly namespace?: string;
};

export type SubjectRulesReviewStatus = {
  readonly evaluationError?: string;
  readonly incomplete: boolean;
  readonly nonResourceRules: readonly (NonResourceRule)[];
  readonly resourceRules: readonly (ResourceRule)[];
};

export type TokenRequestSpec = {
  readonly audiences: readonly (string)[];
  readonly boundObjectRef?: BoundObjectReference;
  readonly expirationSeconds?: number;
};

export type TokenRequestStatus = {
  readonly expirationTimestamp: string;
  readonly token: string;
};

export type TokenReviewSpec = {
  readonly audiences?: readonly (string)[];
  readonly token?: string;
};

export type TokenReviewStatus = {
  readonly audiences?: readonly (string)[];
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly user?: UserInfo;
};

export type CertificateSigningRequestSpec = {
  readonly expirationSeconds?: number;
  readonly extra?: Readonly<Record<string, readonly (string)[]>>;
  readonly groups?: readonly (string)[];
  readonly request: string;
  readonly signerName: string;
  readonly uid?: string;
  readonly usages?: readonly (string)[];
  readonly username?: string;
};

export type CertificateSigningRequestStatus = {
  readonly certificate?: string;
  readonly conditions?: readonly (CertificateSigningRequestCondition)[];
};

export type ValidatingAdmissionPolicySpec = {
  readonly auditAnnotations?: readonly (AuditAnnotation)[];
  readonly failurePolicy?: string;
  readonly matchConditions?: readonly (MatchCondition)[];
  readonly matchConstraints?: MatchResources;
  readonly paramKind?: ParamKind;
  readonly validations?: readonly (Validation)[];
  readonly variables?: readonly (Variable)[];
};

export type ValidatingAdmissionPolicyStatus = {
  readonly conditions?: readonly (Condition)[];
  readonly observedGeneration?: number;
  readonly typeChecking?: TypeChecking;
};

export type ValidatingAdmissionPolicyBindingSpec = {
  readonly matchResources?: MatchResources;
  readonly paramRef?: ParamRef;
  readonly policyName?: string;
  readonly validationActions?: readonly (string)[];
};

export type MutatingWebhook = {
  readonly admissionReviewVersions: readonly (string)[];
  readonly clientConfig: WebhookClientConfig;
  readonly failurePolicy?: string;
  readonly matchConditions?: readonly (MatchCondition)[];
  readonly matchPolicy?: string;
  readonly name: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly reinvocationPolicy?: string;
  readonly rules?: readonly (RuleWithOperations)[];
  readonly sideEffects: string;
  readonly timeoutSeconds?: number;
};

export type ValidatingWebhook = {
  readonly admissionReviewVersions: readonly (string)[];
  readonly clientConfig: WebhookClientConfig;
  readonly failurePolicy?: string;
  readonly matchConditions?: readonly (MatchCondition)[];
  readonly matchPolicy?: string;
  readonly name: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly rules?: readonly (RuleWithOperations)[];
  readonly sideEffects: string;
  readonly timeoutSeconds?: number;
};

export type CustomResourceDefinitionSpec = {
  readonly conversion?: CustomResourceConversion;
  readonly group: string;
  readonly names: CustomResourceDefinitionNames;
  readonly preserveUnknownFields?: boolean;
  readonly scope: string;
  readonly versions: readonly (CustomResourceDefinitionVersion)[];
};

export type CustomResourceDefinitionStatus = {
  readonly acceptedNames?: CustomResourceDefinitionNames;
  readonly conditions?: readonly (CustomResourceDefinitionCondition)[];
  readonly storedVersions?: readonly (string)[];
};

export type Affinity = {
  readonly nodeAffinity?: NodeAffinity;
  readonly podAffinity?: PodAffinity;
  readonly podAntiAffinity?: PodAntiAffinity;
};

export type Container = {
  readonly args?: readonly (string)[];
  readonly command?: readonly (string)[];
  readonly env?: readonly (EnvVar)[];
  readonly envFrom?: readonly (EnvFromSource)[];
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly lifecycle?: Lifecycle;
  readonly livenessProbe?: Probe;
  readonly name: string;
  readonly ports?: readonly (ContainerPort)[];
  readonly readinessProbe?: Probe;
  readonly resizePolicy?: readonly (ContainerResizePolicy)[];
  readonly resources?: ResourceRequirements;
  readonly restartPolicy?: string;
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly terminationMessagePath?: string;
  readonly terminationMessagePolicy?: string;
  readonly tty?: boolean;
  readonly volumeDevices?: readonly (VolumeDevice)[];
  readonly volumeMounts?: readonly (VolumeMount)[];
  readonly workingDir?: string;
};

export type PodDNSConfig = {
  readonly nameservers?: readonly (string)[];
  readonly options?: readonly (PodDNSConfigOption)[];
  readonly searches?: readonly (string)[];
};

export type EphemeralContainer = {
  readonly args?: readonly (string)[];
  readonly command?: readonly (string)[];
  readonly env?: readonly (EnvVar)[];
  readonly envFrom?: readonly (EnvFromSource)[];
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly lifecycle?: Lifecycle;
  readonly livenessProbe?: Probe;
  readonly name: string;
  readonly ports?: readonly (ContainerPort)[];
  readonly readinessProbe?: Probe;
  readonly resizePolicy?: readonly (ContainerResizePolicy)[];
  readonly resources?: ResourceRequirements;
  readonly restartPolicy?: string;
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly targetContainerName?: string;
  readonly terminationMessagePath?: string;
  readonly terminationMessagePolicy?: string;
  readonly tty?: boolean;
  readonly volumeDevices?: readonly (VolumeDevice)[];
  readonly volumeMounts?: readonly (VolumeMount)[];
  readonly workingDir?: string;
};

export type HostAlias = {
  readonly hostnames?: readonly (string)[];
  readonly ip: string;
};

export type PodOS = {
  readonly name: string;
};

export type PodReadinessGate = {
  readonly conditionType: string;
};

export type PodResourceClaim = {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
};

export type ResourceRequirements = {
  readonly claims?: readonly (ResourceClaim)[];
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
};

export type PodSchedulingGate = {
  readonly name: string;
};

export type PodSecurityContext = {
  readonly appArmorProfile?: AppArmorProfile;
  readonly fsGroup?: number;
  readonly fsGroupChangePolicy?: string;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seLinuxChangePolicy?: string;
  readonly seLinuxOptions?: SELinuxOptions;
  readonly seccompProfile?: SeccompProfile;
  readonly supplementalGroups?: readonly (number)[];
  readonly supplementalGroupsPolicy?: string;
  readonly sysctls?: readonly (Sysctl)[];
  readonly windowsOptions?: WindowsSecurityContextOptions;
};

export type Toleration = {
  readonly effect?: string;
  readonly key?: string;
  readonly operator?: string;
  readonly tolerationSeconds?: number;
  readonly value?: string;
};

export type TopologySpreadConstraint = {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly (string)[];
  readonly maxSkew: number;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy?: string;
  readonly nodeTaintsPolicy?: string;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: string;
};

export type Volume = {
  readonly awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource;
  readonly azureDisk?: AzureDiskVolumeSource;
  readonly azureFile?: AzureFileVolumeSource;
  readonly cephfs?: CephFSVolumeSource;
  readonly cinder?: CinderVolumeSource;
  readonly configMap?: ConfigMapVolumeSource;
  readonly csi?: CSIVolumeSource;
  readonly downwardAPI?: DownwardAPIVolumeSource;
  readonly emptyDir?: EmptyDirVolumeSource;
  readonly ephemeral?: EphemeralVolumeSource;
  readonly fc?: FCVolumeSource;
  readonly flexVolume?: FlexVolumeSource;
  readonly flocker?: FlockerVolumeSource;
  readonly gcePersistentDisk?: GCEPersistentDiskVolumeSource;
  readonly gitRepo?: GitRepoVolumeSource;
  readonly glusterfs?: GlusterfsVolumeSource;
  readonly hostPath?: HostPathVolumeSource;
  readonly image?: ImageVolumeSource;
  readonly iscsi?: ISCSIVolumeSource;
  readonly name: string;
  readonly nfs?: NFSVolumeSource;
  readonly persistentVolumeClaim?: PersistentVolumeClaimVolumeSource;
  readonly photonPersistentDisk?: PhotonPersistentDiskVolumeSource;
  readonly portworxVolume?: PortworxVolumeSource;
  readonly projected?: ProjectedVolumeSource;
  readonly quobyte?: QuobyteVolumeSource;
  readonly rbd?: RBDVolumeSource;
  readonly scaleIO?: ScaleIOVolumeSource;
  readonly secret?: SecretVolumeSource;
  readonly storageos?: StorageOSVolumeSource;
  readonly vsphereVolume?: VsphereVirtualDiskVolumeSource;
};

export type PodCondition = {
  readonly lastProbeTime?: string;
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type ContainerStatus = {
  readonly allocatedResources?: Readonly<Record<string, string>>;
  readonly allocatedResourcesStatus?: readonly (ResourceStatus)[];
  readonly containerID?: string;
  readonly image: string;
  readonly imageID: string;
  readonly lastState?: ContainerState;
  readonly name: string;
  readonly ready: boolean;
  readonly resources?: ResourceRequirements;
  readonly restartCount: number;
  readonly started?: boolean;
  readonly state?: ContainerState;
  readonly user?: ContainerUser;
  readonly volumeMounts?: readonly (VolumeMountStatus)[];
};

export type HostIP = {
  readonly ip: string;
};

export type PodIP = {
  readonly ip: string;
};

export type PodResourceClaimStatus = {
  readonly name: string;
  readonly resourceClaimName?: string;
};

export type NodeConfigSource = {
  readonly configMap?: ConfigMapNodeConfigSource;
};

export type Taint = {
  readonly effect: string;
  readonly key: string;
  readonly timeAdded?: string;
  readonly value?: string;
};

export type NodeAddress = {
  readonly address: string;
  readonly type: string;
};

export type NodeCondition = {
  readonly lastHeartbeatTime?: string;
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type NodeConfigStatus = {
  readonly active?: NodeConfigSource;
  readonly assigned?: NodeConfigSource;
  readonly error?: string;
  readonly lastKnownGood?: NodeConfigSource;
};

export type NodeDaemonEndpoints = {
  readonly kubeletEndpoint?: DaemonEndpoint;
};

export type NodeFeatures = {
  readonly supplementalGroupsPolicy?: boolean;
};

export type ContainerImage = {
  readonly names?: readonly (string)[];
  readonly sizeBytes?: number;
};

export type NodeSystemInfo = {
  readonly architecture: string;
  readonly bootID: string;
  readonly containerRuntimeVersion: string;
  readonly kernelVersion: string;
  readonly kubeProxyVersion: string;
  readonly kubeletVersion: string;
  readonly machineID: string;
  readonly operatingSystem: string;
  readonly osImage: string;
  readonly systemUUID: string;
};

export type NodeRuntimeHandler = {
  readonly features?: NodeRuntimeHandlerFeatures;
  readonly name?: string;
};

export type AttachedVolume = {
  readonly devicePath: string;
  readonly name: string;
};

export type NamespaceCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type ServicePort = {
  readonly appProtocol?: string;
  readonly name?: string;
  readonly nodePort?: number;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: string | number;
};

export type SessionAffinityConfig = {
  readonly clientIP?: ClientIPConfig;
};

export type Condition = {
  readonly lastTransitionTime: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly reason: string;
  readonly status: string;
  readonly type: string;
};

export type LoadBalancerStatus = {
  readonly ingress?: readonly (LoadBalancerIngress)[];
};

export type EndpointAddress = {
  readonly hostname?: string;
  readonly ip: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
};

export type CoreV1EndpointPort = {
  readonly appProtocol?: string;
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
};

export type ScopeSelector = {
  readonly matchExpressions?: readonly (ScopedResourceSelectorRequirement)[];
};

export type LimitRangeItem = {
  readonly default?: Readonly<Record<string, string>>;
  readonly defaultRequest?: Readonly<Record<string, string>>;
  readonly max?: Readonly<Record<string, string>>;
  readonly maxLimitRequestRatio?: Readonly<Record<string, string>>;
  readonly min?: Readonly<Record<string, string>>;
  readonly type: string;
};

export type TypedLocalObjectReference = {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
};

export type TypedObjectReference = {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
};

export type VolumeResourceRequirements = {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
};

export type LabelSelector = {
  readonly matchExpressions?: readonly (LabelSelectorRequirement)[];
  readonly matchLabels?: Readonly<Record<string, string>>;
};

export type PersistentVolumeClaimCondition = {
  readonly lastProbeTime?: string;
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type ModifyVolumeStatus = {
  readonly status: string;
  readonly targetVolumeAttributesClassName?: string;
};

export type AWSElasticBlockStoreVolumeSource = {
  readonly fsType?: string;
  readonly partition?: number;
  readonly readOnly?: boolean;
  readonly volumeID: string;
};

export type AzureDiskVolumeSource = {
  readonly cachingMode?: string;
  readonly diskName: string;
  readonly diskURI: string;
  readonly fsType?: string;
  readonly kind?: string;
  readonly readOnly?: boolean;
};

export type AzureFilePersistentVolumeSource = {
  readonly readOnly?: boolean;
  readonly secretName: string;
  readonly secretNamespace?: string;
  readonly shareName: string;
};

export type CephFSPersistentVolumeSource = {
  readonly monitors: readonly (string)[];
  readonly path?: string;
  readonly readOnly?: boolean;
  readonly secretFile?: string;
  readonly secretRef?: SecretReference;
  readonly user?: string;
};

export type CinderPersistentVolumeSource = {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: SecretReference;
  readonly volumeID: string;
};

export type CSIPersistentVolumeSource = {
  readonly controllerExpandSecretRef?: SecretReference;
  readonly controllerPublishSecretRef?: SecretReference;
  readonly driver: string;
  readonly fsType?: string;
  readonly nodeExpandSecretRef?: SecretReference;
  readonly nodePublishSecretRef?: SecretReference;
  readonly nodeStageSecretRef?: SecretReference;
  readonly readOnly?: boolean;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
  readonly volumeHandle: string;
};

export type FCVolumeSource = {
  readonly fsType?: string;
  readonly lun?: number;
  readonly readOnly?: boolean;
  readonly targetWWNs?: readonly (string)[];
  readonly wwids?: readonly (string)[];
};

export type FlexPersistentVolumeSource = {
  readonly driver: string;
  readonly fsType?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly readOnly?: boolean;
  readonly secretRef?: SecretReference;
};

export type FlockerVolumeSource = {
  readonly datasetName?: string;
  readonly datasetUUID?: string;
};

export type GCEPersistentDiskVolumeSource = {
  readonly fsType?: string;
  readonly partition?: number;
  readonly pdName: string;
  readonly readOnly?: boolean;
};

export type GlusterfsPersistentVolumeSource = {
  readonly endpoints: string;
  readonly endpointsNamespace?: string;
  readonly path: string;
  readonly readOnly?: boolean;
};

export type HostPathVolumeSource = {
  readonly path: string;
  readonly type?: string;
};

export type ISCSIPersistentVolumeSource = {
  readonly chapAuthDiscovery?: boolean;
  readonly chapAuthSession?: boolean;
  readonly fsType?: string;
  readonly initiatorName?: string;
  readonly iqn: string;
  readonly iscsiInterface?: string;
  readonly lun: number;
  readonly portals?: readonly (string)[];
  readonly readOnly?: boolean;
  readonly secretRef?: SecretReference;
  readonly targetPortal: string;
};

export type LocalVolumeSource = {
  readonly fsType?: string;
  readonly path: string;
};

export type NFSVolumeSource = {
  readonly path: string;
  readonly readOnly?: boolean;
  readonly server: string;
};

export type VolumeNodeAffinity = {
  readonly required?: NodeSelector;
};

export type PhotonPersistentDiskVolumeSource = {
  readonly fsType?: string;
  readonly pdID: string;
};

export type PortworxVolumeSource = {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly volumeID: string;
};

export type QuobyteVolumeSource = {
  readonly group?: string;
  readonly readOnly?: boolean;
  readonly registry: string;
  readonly tenant?: string;
  readonly user?: string;
  readonly volume: string;
};

export type RBDPersistentVolumeSource = {
  readonly fsType?: string;
  readonly image: string;
  readonly keyring?: string;
  readonly monitors: readonly (string)[];
  readonly pool?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: SecretReference;
  readonly user?: string;
};

export type ScaleIOPersistentVolumeSource = {
  readonly fsType?: string;
  readonly gateway: string;
  readonly protectionDomain?: string;
  readonly readOnly?: boolean;
  readonly secretRef: SecretReference;
  readonly sslEnabled?: boolean;
  readonly storageMode?: string;
  readonly storagePool?: string;
  readonly system: string;
  readonly volumeName?: string;
};

export type StorageOSPersistentVolumeSource = {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: ObjectReference;
  readonly volumeName?: string;
  readonly volumeNamespace?: string;
};

export type VsphereVirtualDiskVolumeSource = {
  readonly fsType?: string;
  readonly storagePolicyID?: string;
  readonly storagePolicyName?: string;
  readonly volumePath: string;
};

export type PodTemplateSpec = {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
};

export type DaemonSetUpdateStrategy = {
  readonly rollingUpdate?: RollingUpdateDaemonSet;
  readonly type?: string;
};

export type DaemonSetCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type DeploymentStrategy = {
  readonly rollingUpdate?: RollingUpdateDeployment;
  readonly type?: string;
};

export type DeploymentCondition = {
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type ReplicaSetCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type StatefulSetOrdinals = {
  readonly start?: number;
};

export type StatefulSetPersistentVolumeClaimRetentionPolicy = {
  readonly whenDeleted?: string;
  readonly whenScaled?: string;
};

export type StatefulSetUpdateStrategy = {
  readonly rollingUpdate?: RollingUpdateStatefulSetStrategy;
  readonly type?: string;
};

export type StatefulSetCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type JobTemplateSpec = {
  readonly metadata?: ObjectMeta;
  readonly spec?: JobSpec;
};

export type PodFailurePolicy = {
  readonly rules: readonly (PodFailurePolicyRule)[];
};

export type SuccessPolicy = {
  readonly rules: readonly (SuccessPolicyRule)[];
};

export type JobCondition = {
  readonly lastProbeTime?: string;
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type UncountedTerminatedPods = {
  readonly failed?: readonly (string)[];
  readonly succeeded?: readonly (string)[];
};

export type HorizontalPodAutoscalerBehavior = {
  readonly scaleDown?: HPAScalingRules;
  readonly scaleUp?: HPAScalingRules;
};

export type MetricSpec = {
  readonly containerResource?: ContainerResourceMetricSource;
  readonly external?: ExternalMetricSource;
  readonly object?: ObjectMetricSource;
  readonly pods?: PodsMetricSource;
  readonly resource?: ResourceMetricSource;
  readonly type: string;
};

export type CrossVersionObjectReference = {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
};

export type HorizontalPodAutoscalerCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type MetricStatus = {
  readonly containerResource?: ContainerResourceMetricStatus;
  readonly external?: ExternalMetricStatus;
  readonly object?: ObjectMetricStatus;
  readonly pods?: PodsMetricStatus;
  readonly resource?: ResourceMetricStatus;
  readonly type: string;
};

export type Preconditions = {
  readonly resourceVersion?: string;
  readonly uid?: string;
};

export type EndpointConditions = {
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
};

export type EndpointHints = {
  readonly forZones?: readonly (ForZone)[];
};

export type TopologySelectorLabelRequirement = {
  readonly key: string;
  readonly values: readonly (string)[];
};

export type NonResourceAttributes = {
  readonly path?: string;
  readonly verb?: string;
};

export type ResourceAttributes = {
  readonly fieldSelector?: FieldSelectorAttributes;
  readonly group?: string;
  readonly labelSelector?: LabelSelectorAttributes;
  readonly name?: string;
  readonly namespace?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly verb?: string;
  readonly version?: string;
};

export type NonResourceRule = {
  readonly nonResourceURLs?: readonly (string)[];
  readonly verbs: readonly (string)[];
};

export type ResourceRule = {
  readonly apiGroups?: readonly (string)[];
  readonly resourceNames?: readonly (string)[];
  readonly resources?: readonly (string)[];
  readonly verbs: readonly (string)[];
};

export type BoundObjectReference = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
};

export type UserInfo = {
  readonly extra?: Readonly<Record<string, readonly (string)[]>>;
  readonly groups?: readonly (string)[];
  readonly uid?: string;
  readonly username?: string;
};

export type CertificateSigningRequestCondition = {
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type AuditAnnotation = {
  readonly key: string;
  readonly valueExpression: string;
};

export type MatchCondition = {
  readonly expression: string;
  readonly name: string;
};

export type MatchResources = {
  readonly excludeResourceRules?: readonly (NamedRuleWithOperations)[];
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly resourceRules?: readonly (NamedRuleWithOperations)[];
};

export type ParamKind = {
  readonly apiVersion?: string;
  readonly kind?: string;
};

export type Validation = {
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
};

export type Variable = {
  readonly expression: string;
  readonly name: string;
};

export type TypeChecking = {
  readonly expressionWarnings?: readonly (ExpressionWarning)[];
};

export type ParamRef = {
  readonly name?: string;
  readonly namespace?: string;
  readonly parameterNotFoundAction?: string;
  readonly selector?: LabelSelector;
};

export type WebhookClientConfig = {
  readonly caBundle?: string;
  readonly service?: ServiceReference;
  readonly url?: string;
};

export type RuleWithOperations = {
  readonly apiGroups?: readonly (string)[];
  readonly apiVersions?: readonly (string)[];
  readonly operations?: readonly (string)[];
  readonly resources?: readonly (string)[];
  readonly scope?: string;
};

export type CustomResourceConversion = {
  readonly strategy: string;
  readonly webhook?: WebhookConversion;
};

export type CustomResourceDefinitionNames = {
  readonly categories?: readonly (string)[];
  readonly kind: string;
  readonly listKind?: string;
  readonly plural: string;
  readonly shortNames?: readonly (string)[];
  readonly singular?: string;
};

export type CustomResourceDefinitionVersion = {
  readonly additionalPrinterColumns?: readonly (CustomResourceColumnDefinition)[];
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly name: string;
  readonly schema?: CustomResourceValidation;
  readonly selectableFields?: readonly (SelectableField)[];
  readonly served: boolean;
  readonly storage: boolean;
  readonly subresources?: CustomResourceSubresources;
};

export type CustomResourceDefinitionCondition = {
  readonly lastTransitionTime?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
};

export type NodeAffinity = {
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly (PreferredSchedulingTerm)[];
  readonly requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector;
};

export type PodAffinity = {
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly (WeightedPodAffinityTerm)[];
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly (PodAffinityTerm)[];
};

export type PodAntiAffinity = {
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly (WeightedPodAffinityTerm)[];
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly (PodAffinityTerm)[];
};

export type EnvVar = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: EnvVarSource;
};

export type EnvFromSource = {
  readonly configMapRef?: ConfigMapEnvSource;
  readonly prefix?: string;
  readonly secretRef?: SecretEnvSource;
};

export type Lifecycle = {
  readonly postStart?: LifecycleHandler;
  readonly preStop?: LifecycleHandler;
};

export type Probe = {
  readonly exec?: ExecAction;
  readonly failureThreshold?: number;
  readonly grpc?: GRPCAction;
  readonly httpGet?: HTTPGetAction;
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly successThreshold?: number;
  readonly tcpSocket?: TCPSocketAction;
  readonly terminationGracePeriodSeconds?: number;
  readonly timeoutSeconds?: number;
};

export type ContainerPort = {
  readonly containerPort: number;
  readonly hostIP?: string;
  readonly hostPort?: number;
  readonly name?: string;
  readonly protocol?: string;
};

export type ContainerResizePolicy = {
  readonly resourceName: string;
  readonly restartPolicy: string;
};

export type SecurityContext = {
  readonly allowPrivilegeEscalation?: boolean;
  readonly appArmorProfile?: AppArmorProfile;
  readonly capabilities?: Capabilities;
  readonly privileged?: boolean;
  readonly procMount?: string;
  readonly readOnlyRootFilesystem?: boolean;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seLinuxOptions?: SELinuxOptions;
  readonly seccompProfile?: SeccompProfile;
  readonly windowsOptions?: WindowsSecurityContextOptions;
};

export type VolumeDevice = {
  readonly devicePath: string;
  readonly name: string;
};

export type VolumeMount = {
  readonly mountPath: string;
  readonly mountPropagation?: string;
  readonly name: string;
  readonly readOnly?: boolean;
  readonly recursiveReadOnly?: string;
  readonly subPath?: string;
  readonly subPathExpr?: string;
};

export type PodDNSConfigOption = {
  readonly name?: string;
  readonly value?: string;
};

export type ResourceClaim = {
  readonly name: string;
  readonly request?: string;
};

export type AppArmorProfile = {
  readonly localhostProfile?: string;
  readonly type: string;
};

export type SELinuxOptions = {
  readonly level?: string;
  readonly role?: string;
  readonly type?: string;
  readonly user?: string;
};

export type SeccompProfile = {
  readonly localhostProfile?: string;
  readonly type: string;
};

export type Sysctl = {
  readonly name: string;
  readonly value: string;
};

export type WindowsSecurityContextOptions = {
  readonly gmsaCredentialSpec?: string;
  readonly gmsaCredentialSpecName?: string;
  readonly hostProcess?: boolean;
  readonly runAsUserName?: string;
};

export type AzureFileVolumeSource = {
  readonly readOnly?: boolean;
  readonly secretName: string;
  readonly shareName: string;
};

export type CephFSVolumeSource = {
  readonly monitors: readonly (string)[];
  readonly path?: string;
  readonly readOnly?: boolean;
  readonly secretFile?: string;
  readonly secretRef?: LocalObjectReference;
  readonly user?: string;
};

export type CinderVolumeSource = {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: LocalObjectReference;
  readonly volumeID: string;
};

export type ConfigMapVolumeSource = {
  readonly defaultMode?: number;
  readonly items?: readonly (KeyToPath)[];
  readonly name?: string;
  readonly optional?: boolean;
};

export type CSIVolumeSource = {
  readonly driver: string;
  readonly fsType?: string;
  readonly nodePublishSecretRef?: LocalObjectReference;
  readonly readOnly?: boolean;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
};

export type DownwardAPIVolumeSource = {
  readonly defaultMode?: number;
  readonly items?: readonly (DownwardAPIVolumeFile)[];
};

export type EmptyDirVolumeSource = {
  readonly medium?: string;
  readonly sizeLimit?: string;
};

export type EphemeralVolumeSource = {
  readonly volumeClaimTemplate?: PersistentVolumeClaimTemplate;
};

export type FlexVolumeSource = {
  readonly driver: string;
  readonly fsType?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly readOnly?: boolean;
  readonly secretRef?: LocalObjectReference;
};

export type GitRepoVolumeSource = {
  readonly directory?: string;
  readonly repository: string;
  readonly revision?: string;
};

export type GlusterfsVolumeSource = {
  readonly endpoints: string;
  readonly path: string;
  readonly readOnly?: boolean;
};

export type ImageVolumeSource = {
  readonly pullPolicy?: string;
  readonly reference?: string;
};

export type ISCSIVolumeSource = {
  readonly chapAuthDiscovery?: boolean;
  readonly chapAuthSession?: boolean;
  readonly fsType?: string;
  readonly initiatorName?: string;
  readonly iqn: string;
  readonly iscsiInterface?: string;
  readonly lun: number;
  readonly portals?: readonly (string)[];
  readonly readOnly?: boolean;
  readonly secretRef?: LocalObjectReference;
  readonly targetPortal: string;
};

export type PersistentVolumeClaimVolumeSource = {
  readonly claimName: string;
  readonly readOnly?: boolean;
};

export type ProjectedVolumeSource = {
  readonly defaultMode?: number;
  readonly sources?: readonly (VolumeProjection)[];
};

export type RBDVolumeSource = {
  readonly fsType?: string;
  readonly image: string;
  readonly keyring?: string;
  readonly monitors: readonly (string)[];
  readonly pool?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: LocalObjectReference;
  readonly user?: string;
};

export type ScaleIOVolumeSource = {
  readonly fsType?: string;
  readonly gateway: string;
  readonly protectionDomain?: string;
  readonly readOnly?: boolean;
  readonly secretRef: LocalObjectReference;
  readonly sslEnabled?: boolean;
  readonly storageMode?: string;
  readonly storagePool?: string;
  readonly system: string;
  readonly volumeName?: string;
};

export type SecretVolumeSource = {
  readonly defaultMode?: number;
  readonly items?: readonly (KeyToPath)[];
  readonly optional?: boolean;
  readonly secretName?: string;
};

export type StorageOSVolumeSource = {
  readonly fsType?: string;
  readonly readOnly?: boolean;
  readonly secretRef?: LocalObjectReference;
  readonly volumeName?: string;
  readonly volumeNamespace?: string;
};

export type ResourceStatus = {
  readonly name: string;
  readonly resources?: readonly (ResourceHealth)[];
};

export type ContainerState = {
  readonly running?: ContainerStateRunning;
  readonly terminated?: ContainerStateTerminated;
  readonly waiting?: ContainerStateWaiting;
};

export type ContainerUser = {
  readonly linux?: LinuxContainerUser;
};

export type VolumeMountStatus = {
  readonly mountPath: string;
  readonly name: string;
  readonly readOnly?: boolean;
  readonly recursiveReadOnly?: string;
};

export type ConfigMapNodeConfigSource = {
  readonly kubeletConfigKey: string;
  readonly name: string;
  readonly namespace: string;
  readonly resourceVersion?: string;
  readonly uid?: string;
};

export type DaemonEndpoint = {
  readonly Port: number;
};

export type NodeRuntimeHandlerFeatures = {
  readonly recursiveReadOnlyMounts?: boolean;
  readonly userNamespaces?: boolean;
};

export type ClientIPConfig = {
  readonly timeoutSeconds?: number;
};

export type LoadBalancerIngress = {
  readonly hostname?: string;
  readonly ip?: string;
  readonly ipMode?: string;
  readonly ports?: readonly (PortStatus)[];
};

export type ScopedResourceSelectorRequirement = {
  readonly operator: string;
  readonly scopeName: string;
  readonly values?: readonly (string)[];
};

export type LabelSelectorRequirement = {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly (string)[];
};

export type SecretReference = {
  readonly name?: string;
  readonly namespace?: string;
};

export type NodeSelector = {
  readonly nodeSelectorTerms: readonly (NodeSelectorTerm)[];
};

export type RollingUpdateDaemonSet = {
  readonly maxSurge?: string | number;
  readonly maxUnavailable?: string | number;
};

export type RollingUpdateDeployment = {
  readonly maxSurge?: string | number;
  readonly maxUnavailable?: string | number;
};

export type RollingUpdateStatefulSetStrategy = {
  readonly maxUnavailable?: string | number;
  readonly partition?: number;
};

export type PodFailurePolicyRule = {
  readonly action: string;
  readonly onExitCodes?: PodFailurePolicyOnExitCodesRequirement;
  readonly onPodConditions?: readonly (PodFailurePolicyOnPodConditionsPattern)[];
};

export type SuccessPolicyRule = {
  readonly succeededCount?: number;
  readonly succeededIndexes?: string;
};

export type HPAScalingRules = {
  readonly policies?: readonly (HPAScalingPolicy)[];
  readonly selectPolicy?: string;
  readonly stabilizationWindowSeconds?: number;
};

export type ContainerResourceMetricSource = {
  readonly container: string;
  readonly name: string;
  readonly target: MetricTarget;
};

export type ExternalMetricSource = {
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
};

export type ObjectMetricSource = {
  readonly describedObject: CrossVersionObjectReference;
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
};

export type PodsMetricSource = {
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
};

export type ResourceMetricSource = {
  readonly name: string;
  readonly target: MetricTarget;
};

export type ContainerResourceMetricStatus = {
  readonly container: string;
  readonly current: MetricValueStatus;
  readonly name: string;
};

export type ExternalMetricStatus = {
  readonly current: MetricValueStatus;
  readonly metric: MetricIdentifier;
};

export type ObjectMetricStatus = {
  readonly current: MetricValueStatus;
  readonly describedObject: CrossVersionObjectReference;
  readonly metric: MetricIdentifier;
};

export type PodsMetricStatus = {
  readonly current: MetricValueStatus;
  readonly metric: MetricIdentifier;
};

export type ResourceMetricStatus = {
  readonly current: MetricValueStatus;
  readonly name: string;
};

export type ForZone = {
  readonly name: string;
};

export type FieldSelectorAttributes = {
  readonly rawSelector?: string;
  readonly requirements?: readonly (FieldSelectorRequirement)[];
};

export type LabelSelectorAttributes = {
  readonly rawSelector?: string;
  readonly requirements?: readonly (LabelSelectorRequirement)[];
};

export type NamedRuleWithOperations = {
  readonly apiGroups?: readonly (string)[];
  readonly apiVersions?: readonly (string)[];
  readonly operations?: readonly (string)[];
  readonly resourceNames?: readonly (string)[];
  readonly resources?: readonly (string)[];
  readonly scope?: string;
};

export type ExpressionWarning = {
  readonly fieldRef: string;
  readonly warning: string;
};

export type ServiceReference = {
  readonly name: string;
  readonly namespace: string;
  readonly path?: string;
  readonly port?: number;
};

export type WebhookConversion = {
  readonly clientConfig?: ApiextensionsV1WebhookClientConfig;
  readonly conversionReviewVersions: readonly (string)[];
};

export type CustomResourceColumnDefinition = {
  readonly description?: string;
  readonly format?: string;
  readonly jsonPath: string;
  readonly name: string;
  readonly priority?: number;
  readonly type: string;
};

export type CustomResourceValidation = {
  readonly openAPIV3Schema?: JSONSchemaProps;
};

export type SelectableField = {
  readonly jsonPath: string;
};

export type CustomResourceSubresources = {
  readonly scale?: CustomResourceSubresourceScale;
  readonly status?: CustomResourceSubresourceStatus;
};

export type PreferredSchedulingTerm = {
  readonly preference: NodeSelectorTerm;
  readonly weight: number;
};

export type WeightedPodAffinityTerm = {
  readonly podAffinityTerm: PodAffinityTerm;
  readonly weight: number;
};

export type PodAffinityTerm = {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly (string)[];
  readonly mismatchLabelKeys?: readonly (string)[];
  readonly namespaceSelector?: LabelSelector;
  readonly namespaces?: readonly (string)[];
  readonly topologyKey: string;
};

export type EnvVarSource = {
  readonly configMapKeyRef?: ConfigMapKeySelector;
  readonly fieldRef?: ObjectFieldSelector;
  readonly resourceFieldRef?: ResourceFieldSelector;
  readonly secretKeyRef?: SecretKeySelector;
};

export type ConfigMapEnvSource = {
  readonly name?: string;
  readonly optional?: boolean;
};

export type SecretEnvSource = {
  readonly name?: string;
  readonly optional?: boolean;
};

export type LifecycleHandler = {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly sleep?: SleepAction;
  readonly tcpSocket?: TCPSocketAction;
};

export type ExecAction = {
  readonly command?: readonly (string)[];
};

export type GRPCAction = {
  readonly port: number;
  readonly service?: string;
};

export type HTTPGetAction = {
  readonly host?: string;
  readonly httpHeaders?: readonly (HTTPHeader)[];
  readonly path?: string;
  readonly port: string | number;
  readonly scheme?: string;
};

export type TCPSocketAction = {
  readonly host?: string;
  readonly port: string | number;
};

export type Capabilities = {
  readonly add?: readonly (string)[];
  readonly drop?: readonly (string)[];
};

export type KeyToPath = {
  readonly key: string;
  readonly mode?: number;
  readonly path: string;
};

export type DownwardAPIVolumeFile = {
  readonly fieldRef?: ObjectFieldSelector;
  readonly mode?: number;
  readonly path: string;
  readonly resourceFieldRef?: ResourceFieldSelector;
};

export type PersistentVolumeClaimTemplate = {
  readonly metadata?: ObjectMeta;
  readonly spec: PersistentVolumeClaimSpec;
};

export type VolumeProjection = {
  readonly clusterTrustBundle?: ClusterTrustBundleProjection;
  readonly configMap?: ConfigMapProjection;
  readonly downwardAPI?: DownwardAPIProjection;
  readonly secret?: SecretProjection;
  readonly serviceAccountToken?: ServiceAccountTokenProjection;
};

export type ResourceHealth = {
  readonly health?: string;
  readonly resourceID: string;
};

export type ContainerStateRunning = {
  readonly startedAt?: string;
};

export type ContainerStateTerminated = {
  readonly containerID?: string;
  readonly exitCode: number;
  readonly finishedAt?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly signal?: number;
  readonly startedAt?: string;
};

export type ContainerStateWaiting = {
  readonly message?: string;
  readonly reason?: string;
};

export type LinuxContainerUser = {
  readonly gid: number;
  readonly supplementalGroups?: readonly (number)[];
  readonly uid: number;
};

export type PortStatus = {
  readonly error?: string;
  readonly port: number;
  readonly protocol: string;
};

export type NodeSelectorTerm = {
  readonly matchExpressions?: readonly (NodeSelectorRequirement)[];
  readonly matchFields?: readonly (NodeSelectorRequirement)[];
};

export type PodFailurePolicyOnExitCodesRequirement = {
  readonly containerName?: string;
  readonly operator: string;
  readonly values: readonly (number)[];
};

export type PodFailurePolicyOnPodConditionsPattern = {
  readonly status: string;
  readonly type: string;
};

export type HPAScalingPolicy = {
  readonly periodSeconds: number;
  readonly type: string;
  readonly value: number;
};

export type MetricTarget = {
  readonly averageUtilization?: number;
  readonly averageValue?: string;
  readonly type: string;
  readonly value?: string;
};

export type MetricIdentifier = {
  readonly name: string;
  readonly selector?: LabelSelector;
};

export type MetricValueStatus = {
  readonly averageUtilization?: number;
  readonly averageValue?: string;
  readonly value?: string;
};

export type FieldSelectorRequirement = {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly (string)[];
};

export type ApiextensionsV1WebhookClientConfig = {
  readonly caBundle?: string;
  readonly service?: ApiextensionsV1ServiceReference;
  readonly url?: string;
};

export type JSONSchemaProps = {
  readonly $ref?: string;
  readonly $schema?: string;
  readonly additionalItems?: JSONSchemaProps | boolean;
  readonly additionalProperties?: JSONSchemaProps | boolean;
  readonly allOf?: readonly (JSONSchemaProps)[];
  readonly anyOf?: readonly (JSONSchemaProps)[];
  readonly default?: Json;
  readonly definitions?: Readonly<Record<string, JSONSchemaProps>>;
  readonly dependencies?: Readonly<Record<string, readonly string[]>>;
  readonly description?: string;
  readonly enum?: readonly (Json)[];
  readonly example?: Json;
  readonly exclusiveMaximum?: boolean;
  readonly exclusiveMinimum?: boolean;
  readonly externalDocs?: ExternalDocumentation;
  readonly format?: string;
  readonly id?: string;
  readonly items?: JSONSchemaProps;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maxProperties?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minProperties?: number;
  readonly minimum?: number;
  readonly multipleOf?: number;
  readonly not?: JSONSchemaProps;
  readonly nullable?: boolean;
  readonly oneOf?: readonly (JSONSchemaProps)[];
  readonly pattern?: string;
  readonly patternProperties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly required?: readonly (string)[];
  readonly title?: string;
  readonly type?: string;
  readonly uniqueItems?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-map-keys"?: readonly (string)[];
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly (ValidationRule)[];
};

export type CustomResourceSubresourceScale = {
  readonly labelSelectorPath?: string;
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
};

export type CustomResourceSubresourceStatus = JsonObject;

export type ConfigMapKeySelector = {
  readonly key: string;
  readonly name?: string;
  readonly optional?: boolean;
};

export type ObjectFieldSelector = {
  readonly apiVersion?: string;
  readonly fieldPath: string;
};

export type ResourceFieldSelector = {
  readonly containerName?: string;
  readonly divisor?: string;
  readonly resource: string;
};

export type SecretKeySelector = {
  readonly key: string;
  readonly name?: string;
  readonly optional?: boolean;
};

export type SleepAction = {
  readonly seconds: number;
};

export type HTTPHeader = {
  readonly name: string;
  readonly value: string;
};

export type ClusterTrustBundleProjection = {
  readonly labelSelector?: LabelSelector;
  readonly name?: string;
  readonly optional?: boolean;
  readonly path: string;
  readonly signerName?: string;
};

export type ConfigMapProjection = {
  readonly items?: readonly (KeyToPath)[];
  readonly name?: string;
  readonly optional?: boolean;
};

export type DownwardAPIProjection = {
  readonly items?: readonly (DownwardAPIVolumeFile)[];
};

export type SecretProjection = {
  readonly items?: readonly (KeyToPath)[];
  readonly name?: string;
  readonly optional?: boolean;
};

export type ServiceAccountTokenProjection = {
  readonly audience?: string;
  readonly expirationSeconds?: number;
  readonly path: string;
};

export type NodeSelectorRequirement = {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly (string)[];
};

export type ApiextensionsV1ServiceReference = {
  readonly name: string;
  readonly namespace: string;
  readonly path?: string;
  readonly port?: number;
};

export type ExternalDocumentation = {
  readonly description?: string;
  readonly url?: string;
};

export type ValidationRule = {
  readonly fieldPath?: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly optionalOldSelf?: boolean;
  readonly reason?: string;
  readonly rule: string;
};
