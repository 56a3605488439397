// Who asks for a certificate stands in the request as the server knows it, whatever the client wrote there (certificates.k8s.io/v1).
import type { CertificateSigningRequest } from "../../api/types.generated.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";

export const certificateRequestAdmission: AdmissionPlugin = {
  name: "CertificateRequester",
  mutate({ operation, resource, object, user }) {
    const isRequest = resource.resource === "certificatesigningrequests";
    if (!isRequest || operation !== "CREATE" || user === undefined) return object;
    const { spec, ...rest } = object as CertificateSigningRequest;
    const { extra: _, uid: __, ...asked } = spec;
    const { username, groups, uid } = user;
    return { ...rest, spec: { ...asked, username, groups, ...(uid !== undefined && { uid }) } };
  },
};
