// Kinds that are questions: created, answered in their status, and never stored (authentication.k8s.io, authorization.k8s.io).
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import type { PolicyRule, SubjectAccessReview, TokenReview } from "../../api/types.generated.ts";
import type { Authorizer } from "../auth/authorizer.ts";
import type { PolicyView } from "../auth/policy-view.ts";
import { type Act, rulesFor } from "../auth/rbac.ts";
import type { ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import type { UserInfo } from "../registry/admission.ts";

/** @returns the question with its answer */
export type Review = (
  asker: UserInfo,
  question: KubeObject,
  namespace: string | undefined,
) => Promise<KubeObject>;

export interface ReviewContext {
  readonly authorizer: Authorizer;
  readonly view: PolicyView;
  readonly tokens: ServiceAccountTokens;
}

/** By the name of their resource. */
export function reviews(context: ReviewContext): Readonly<Record<string, Review>> {
  const { authorizer, view, tokens } = context;
  const decided = (question: KubeObject, user: UserInfo, act: Act): KubeObject => {
    const { allowed, reason } = authorizer.authorize(user, act);
    return answered(question, { allowed, ...(reason !== "" && { reason }) });
  };
  return {
    selfsubjectreviews: async (asker, question) =>
      answered(question, { userInfo: { ...asker, groups: [...asker.groups] } }),
    selfsubjectaccessreviews: async (asker, question) => decided(question, asker, actIn(question)),
    subjectaccessreviews: async (_, question) =>
      decided(question, subjectIn(question), actIn(question)),
    localsubjectaccessreviews: async (_, question, namespace) =>
      decided(question, subjectIn(question), {
        ...actIn(question),
        ...(namespace !== undefined && { namespace }),
      }),
    selfsubjectrulesreviews: async (asker, question) => {
      const { namespace = "default" } = (question["spec"] ?? {}) as { namespace?: string };
      return answered(question, rulesOf(view, asker, namespace));
    },
    tokenreviews: async (_, question) => {
      const { token = "", audiences = [] } = (question as TokenReview).spec;
      const user = await tokens.verify(token, audiences[0]);
      return answered(
        question,
        user === undefined
          ? { authenticated: false, error: "the token is not valid" }
          : { authenticated: true, user, ...(audiences.length > 0 && { audiences }) },
      );
    },
  };
}

function answered(question: KubeObject, status: object): KubeObject {
  return { ...question, status };
}

function subjectIn(question: KubeObject): UserInfo {
  const { user = "", groups = [], uid } = (question as SubjectAccessReview).spec;
  if (user === "" && groups.length === 0)
    throw new StatusError("BadRequest", "spec.user or spec.groups: say whose access is asked for");
  return { username: user, groups, ...(uid !== undefined && { uid }) };
}

function actIn(question: KubeObject): Act {
  const { resourceAttributes, nonResourceAttributes } = (question as SubjectAccessReview).spec;
  if (nonResourceAttributes !== undefined) {
    const { verb = "", path = "" } = nonResourceAttributes;
    return { verb, group: "", resource: "", path };
  }
  if (resourceAttributes === undefined)
    throw new StatusError(
      "BadRequest",
      "spec: exactly one of resourceAttributes and nonResourceAttributes is required",
    );
  const { verb = "", group = "", resource = "", subresource, namespace, name } = resourceAttributes;
  return {
    verb,
    group,
    resource,
    ...(given(subresource) && { subresource }),
    ...(given(namespace) && { namespace }),
    ...(given(name) && { name }),
  };
}

function given(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function rulesOf(view: PolicyView, user: UserInfo, namespace: string): object {
  const all: PolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
  const paths: PolicyRule = { verbs: ["*"], nonResourceURLs: ["*"] };
  const rules = user.groups.includes("system:masters")
    ? [all, paths]
    : [...rulesFor(view.policy, user, namespace)].map(({ rule }) => rule);
  return {
    resourceRules: rules
      .filter(({ resources }) => resources !== undefined)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames !== undefined && { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs !== undefined)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
