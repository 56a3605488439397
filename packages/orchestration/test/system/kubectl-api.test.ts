// What kubectl does with objects alone, where nothing runs yet.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Background } from "../fixtures/background.ts";
import { type TestControlPlane, testControlPlane } from "../fixtures/control-plane.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";

const deployment = (replicas: number, extra = ""): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: warrener/shell, command: [sleep, "1000"]${extra}}
`;

const widgetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Color, type: string, jsonPath: .spec.color}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, minimum: 1, description: how large it is}
              color: {type: string, default: red}
          status:
            type: object
            properties:
              size: {type: integer}
`;

const widget = (name: string, spec: string): string =>
  `apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;

describe("kubectl and the API server", { skip: whyNoKubectl() }, () => {
  let server: TestControlPlane;
  let kubectl: Kubectl;

  before(async () => {
    server = await testControlPlane();
    kubectl = new Kubectl(server.kubeconfig);
  });
  after(async () => {
    kubectl[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });

  test("version, api-resources and explain find what is served", async () => {
    assert.match(await kubectl.ok("version"), /Server Version: v1\.32\./);
    assert.match(await kubectl.ok("api-resources --no-headers -o name"), /^deployments\.apps$/m);
    assert.match(await kubectl.ok("explain deployment.spec.strategy"), /DeploymentStrategy/);
    assert.match(await kubectl.ok("api-versions"), /^autoscaling\/v2$/m);
  });

  test("whoami and can-i answer for the one who asks and for others", async () => {
    assert.match(await kubectl.ok("auth whoami"), /warrener-admin/);
    assert.equal((await kubectl.ok("auth can-i create pods")).trim(), "yes");
    const { stdout, code } = await kubectl.run(["auth", "can-i", "create", "pods", "--as", "bob"]);
    assert.equal(code, 1);
    assert.match(stdout, /^no/);
    assert.match(await kubectl.ok("auth can-i --list"), /\*\.\*/);
  });

  test("a person without rights is told what is missing", async () => {
    assert.match(
      await kubectl.refused("get pods --as bob"),
      /pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"/,
    );
  });

  test("a role that is bound grants what it says and no more", async () => {
    await kubectl.ok("create role reader --verb=get,list --resource=configmaps");
    await kubectl.ok("create rolebinding reader --role=reader --user=carol");
    await kubectl.ok("get configmaps --as carol");
    assert.match(await kubectl.refused("get secrets --as carol"), /secrets is forbidden/);
    assert.match(
      await kubectl.refused("delete configmap x --as carol"),
      /configmaps "x" is forbidden: User "carol" cannot delete/,
    );
  });

  for (const [noun, args, want] of [
    ["namespace", "team-a", "namespace/team-a created"],
    ["configmap", "made --from-literal=x=1", "configmap/made created"],
    ["secret", "generic hidden --from-literal=k=v", "secret/hidden created"],
    ["serviceaccount", "robot", "serviceaccount/robot created"],
    ["deployment", "made --image=web:1 --replicas=2", "deployment.apps/made created"],
    ["job", "made --image=web:1", "job.batch/made created"],
    ["cronjob", "made --image=web:1 --schedule='*/5 * * * *'", "cronjob.batch/made created"],
    [
      "clusterrole",
      "made --verb=get --resource=pods",
      "clusterrole.rbac.authorization.k8s.io/made created",
    ],
    ["quota", "made --hard=pods=100", "resourcequota/made created"],
    [
      "pdb",
      "made --selector=app=made --min-available=1",
      "poddisruptionbudget.policy/made created",
    ],
    ["service", "clusterip made --tcp=80:8080", "service/made created"],
    ["priorityclass", "made --value=10", "priorityclass.scheduling.k8s.io/made created"],
    ["ingress", "made --rule=example.com/=made:80", "ingress.networking.k8s.io/made created"],
  ] as const) {
    test(`create ${noun} is understood, which is sent as protobuf`, async () => {
      assert.equal((await kubectl.ok(`create ${noun} ${args}`)).trim(), want);
    });
  }

  test("a token of a service account says who it is", async () => {
    await kubectl.ok("create serviceaccount teller");
    const token = (await kubectl.ok("create token teller")).trim();
    const [, payload = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as { sub: string };
    assert.equal(claims.sub, "system:serviceaccount:default:teller");
    const whoami = await kubectl.ok(
      `auth whoami --kubeconfig /dev/null --server https://127.0.0.1:${server.plane.port} --insecure-skip-tls-verify --token ${token}`,
    );
    assert.match(whoami, /system:serviceaccounts:default/);
  });

  test("client-side apply creates, leaves alone and changes", async () => {
    assert.match(await kubectl.ok("apply -f -", deployment(2)), /created/);
    assert.match(await kubectl.ok("apply -f -", deployment(2)), /unchanged/);
    const { stdout, code } = await kubectl.run(["diff", "-f", "-"], deployment(3));
    assert.equal(code, 1);
    assert.match(stdout, /\+ {2}replicas: 3/);
    assert.match(await kubectl.ok("apply -f -", deployment(3)), /configured/);
    assert.equal(await kubectl.ok("get deploy web -o jsonpath={.spec.replicas}"), "3");
  });

  test("server-side apply owns fields, and conflicts are told by field and manager", async () => {
    await kubectl.ok("apply -f -", deployment(3));
    await kubectl.ok("apply --server-side --force-conflicts -f -", deployment(3));
    await kubectl.ok("scale deployment web --replicas=5");
    assert.match(
      await kubectl.refused("apply --server-side -f -", deployment(3)),
      /Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas/,
    );
    assert.match(
      await kubectl.ok("apply --server-side --force-conflicts -f -", deployment(3)),
      /serverside-applied/,
    );
    assert.equal(await kubectl.ok("get deploy web -o jsonpath={.spec.replicas}"), "3");
  });

  test("every type of patch changes what it names", async () => {
    await kubectl.ok("create configmap patched --from-literal=a=1");
    await kubectl.ok(`patch configmap patched -p '{"data":{"b":"2"}}'`);
    await kubectl.ok(`patch configmap patched --type merge -p '{"data":{"c":"3"}}'`);
    await kubectl.ok(`patch configmap patched --type json -p '[{"op":"remove","path":"/data/a"}]'`);
    assert.equal(
      await kubectl.ok("get configmap patched -o jsonpath={.data}"),
      '{"b":"2","c":"3"}',
    );
    await kubectl.ok("label configmap patched tier=gold");
    await kubectl.ok("annotate configmap patched note=here");
    assert.match(await kubectl.ok("get configmap -l tier=gold"), /^patched /m);
    assert.match(
      await kubectl.refused(
        `patch configmap patched --type json -p '[{"op":"test","path":"/data/b","value":"9"}]'`,
      ),
      /the server rejected our request due to an error in our request/,
    );
  });

  test("an image is set, and an autoscaler made and read in both versions", async () => {
    await kubectl.ok("apply -f -", deployment(1));
    await kubectl.ok("set image deployment/web web=web:2");
    await kubectl.ok("set env deployment/web A=1");
    assert.match(await kubectl.ok("get deploy web -o wide"), /web:2/);
    await kubectl.ok("autoscale deployment web --min=1 --max=5 --cpu-percent=50");
    assert.match(await kubectl.ok("get hpa web"), /cpu: <unknown>\/50%/);
    const v1 = JSON.parse(
      await kubectl.ok(
        "get --raw /apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/web",
      ),
    ) as { spec: object };
    assert.deepEqual(v1.spec, {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 5,
      targetCPUUtilizationPercentage: 50,
    });
  });

  test("unknown fields, duplicate fields and bad values are refused with their place", async () => {
    assert.match(
      await kubectl.refused("apply -f -", deployment(1, ", foo: 1")),
      /strict decoding error: unknown field "spec\.template\.spec\.containers\[0\]\.foo"/,
    );
    assert.match(await kubectl.refused("apply -f -", deployment(-1)), /spec\.replicas/);
    assert.match(
      await kubectl.refused("create configmap Bad_Name"),
      /metadata\.name: Invalid value/,
    );
  });

  test("a kind that is defined is served, explained, checked, listed and taken away", async () => {
    await kubectl.ok("apply -f -", widgetDefinition);
    await kubectl.ok("wait --for=condition=Established crd/widgets.example.com --timeout=10s");
    assert.match(await kubectl.ok("explain widget.spec.size"), /how large it is/);
    assert.match(
      await kubectl.ok("apply -f -", widget("a", "size: 3")),
      /widget\.example\.com\/a created/,
    );
    assert.match(await kubectl.ok("get wd"), /NAME +SIZE +COLOR\na +3 +red/);
    assert.match(
      await kubectl.refused("apply -f -", widget("b", "size: 0")),
      /greater than or equal to 1/,
    );
    assert.match(
      await kubectl.refused("apply -f -", widget("b", "size: 1, siez: 2")),
      /unknown field "spec\.siez"/,
    );
    await kubectl.ok("scale widget a --replicas=7");
    assert.equal(await kubectl.ok("get wd a -o jsonpath={.spec.size}"), "7");
    await kubectl.ok(
      "apply --server-side --force-conflicts -f -",
      widget("a", "size: 4, color: blue"),
    );
    assert.equal(await kubectl.ok("get wd a -o jsonpath={.spec.color}"), "blue");
    await kubectl.ok("delete crd widgets.example.com");
    assert.match(
      await kubectl.refused("get wd"),
      /the server doesn't have a resource type "wd"|could not find the requested resource/,
    );
  });

  test("what is deleted is gone, and what is not there is said to be", async () => {
    await kubectl.ok("create configmap short-lived");
    assert.match(await kubectl.ok("delete configmap short-lived"), /deleted/);
    assert.match(
      await kubectl.refused("get configmap short-lived"),
      /configmaps "short-lived" not found/,
    );
    await kubectl.ok("wait --for=delete configmap/short-lived --timeout=5s");
  });

  test("a watch tells what happens, in order", async () => {
    await using watching = new Background(
      kubectl.start("get configmap -l watched=yes -w --output-watch-events"),
    );
    await kubectl.ok("create configmap seen");
    await kubectl.ok("label configmap seen watched=yes");
    await watching.says(/ADDED +seen/);
    await kubectl.ok("annotate configmap seen a=b");
    await watching.says(/MODIFIED +seen/);
    await kubectl.ok("label configmap seen watched-");
    await watching.says(/DELETED +seen/);
  });

  test("get all, cluster-info and raw paths work", async () => {
    assert.match(await kubectl.ok("get all"), /service\/kubernetes/);
    assert.match(await kubectl.ok("cluster-info"), /is running at/);
    assert.equal(await kubectl.ok("get --raw /readyz"), "ok");
    assert.match(await kubectl.ok("get --raw /livez?verbose"), /\[\+\]store ok/);
  });

  test("each request is in the access log, with the fields of a Kubernetes audit event", async () => {
    await kubectl.ok("get configmaps");
    const event = server.recorded.findLast(
      ({ verb, resource }) => verb === "list" && resource === "configmaps",
    );
    assert.equal(event?.actor, "warrener-admin");
    assert.equal(event?.facts?.["requestURI"], "/api/v1/namespaces/default/configmaps?limit=500");
    assert.match(String(event?.facts?.["userAgent"]), /^kubectl/);
  });
});
