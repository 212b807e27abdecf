// What the charts are asked to render: every values file, every switch, and what they must refuse.

export interface Render {
  readonly name: string;
  readonly chart: "lockmgr" | "lockmgr-istio";
  readonly release: string;
  readonly namespace: string;
  readonly args: readonly string[];
  /** Whether its whole text is kept beside this file. */
  readonly golden?: true;
}

const region = (name: string, more: Partial<Render> = {}): Render => ({
  name: `lockmgr-${name}`,
  chart: "lockmgr",
  release: `lockmgr-${name}`,
  namespace: `lockmgr-${name}`,
  args: ["-f", `helm/lockmgr/values-${name}.yaml`],
  ...more,
});
const switched = (name: string, ...sets: readonly string[]): Render => ({
  name: `lockmgr ${name}`,
  chart: "lockmgr",
  release: "locks",
  namespace: "default",
  args: sets.flatMap((set) => ["--set", set]),
});
const mesh = (name: string, more: Partial<Render>, ...sets: readonly string[]): Render => ({
  name: `lockmgr-istio ${name}`,
  chart: "lockmgr-istio",
  release: "lockmgr-istio",
  namespace: "istio-system",
  args: sets.flatMap((set) => ["--set", set]),
  ...more,
});
/** Another region with a host, or several. */
const far = (hosts: string, place = 0): readonly string[] => [
  `regions[${place}].name=far`,
  `regions[${place}].hosts={${hosts}}`,
];
/** As users of the earlier system install it. */
const istioCommand = [
  "gateway.tls.enabled=false",
  "regions[0].serviceName=lockmgr-us-east",
  "regions[1].serviceName=lockmgr-us-west",
];

export const renders: readonly Render[] = [
  region("us-east", { golden: true }),
  region("us-west"),
  region("eu-west"),
  { ...switched("defaults"), name: "lockmgr-defaults", golden: true },
  { ...switched("development", "development=true"), name: "lockmgr-development", golden: true },
  switched("one node", "replicaCount=1"),
  switched("five nodes", "replicaCount=5"),
  switched("a monitor", "serviceMonitor.enabled=true", "serviceMonitor.labels.release=prometheus"),
  switched("istio", "istio.enabled=true"),
  switched(
    "regions elsewhere",
    "regionService.enabled=true",
    "regionService.loadBalancerSourceRanges={10.1.0.0/16}",
    "networkPolicy.regionCidrs={10.1.0.0/16,10.2.0.0/16}",
    "regions[0].name=far",
    "regions[0].hosts={far-0.example.com,10.1.0.2:30091,[fd00::1]:30092}",
  ),
  switched("regions elsewhere by machine", "regionService.enabled=true", "regionService.type=NodePort"),
  switched("regions elsewhere by another's means", "regionService.enabled=true", "regionService.type=ClusterIP"),
  switched("a smaller machine", "resources.limits.memory=768Mi", "resources.requests.memory=256Mi"),
  switched("a wider budget", "replicaCount=5", "podDisruptionBudget.maxUnavailable=2"),
  switched("a region by address", "regions[0].name=far", "regions[0].hosts={10.1.0.1,10.1.0.2:9191,[fd00::1]:9091}"),
  switched("no policy", "networkPolicy.enabled=false"),
  switched("no budget", "podDisruptionBudget.enabled=false"),
  switched("soft affinity", "antiAffinity=soft", "topologySpread.enabled=false"),
  switched("no affinity", "antiAffinity=none", "topologySpread.whenUnsatisfiable=DoNotSchedule"),
  switched("an account that is there", "serviceAccount.create=false", "serviceAccount.name=locks"),
  switched("an image by digest", `image.digest=sha256:${"0".repeat(64)}`, "imagePullSecrets[0].name=pull"),
  switched("a load balancer", "service.type=LoadBalancer", "service.ports.grpc=443", "service.annotations.a=b"),
  switched("volumes", "persistence.storageClass=fast", "persistence.accessModes={ReadWriteOncePod}"),
  switched(
    "settings",
    "config.LOG_LEVEL=debug",
    "config.QUORUM_TIMEOUT_MS=2500",
    "existingSecret=locks",
    "maxOldSpaceMiB=0",
  ),
  switched(
    "names",
    "fullnameOverride=a-name-that-is-much-longer-than-what-a-pod-may-be-called",
    "priorityClassName=high",
  ),
  switched("places", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists", "podLabels.a=b", "podAnnotations.a=b"),
  mesh("command", { name: "lockmgr-istio-command", golden: true }, ...istioCommand),
  mesh("defaults", {}),
  mesh("three regions", {}, ...istioCommand, "regions[2].serviceName=lockmgr-eu-west", "defaultRegion=eu-west"),
  mesh("no gateway", {}, "gateway.enabled=false"),
  mesh("only the gateway", {}, "mesh.enabled=false", "peerAuthentication.enabled=false"),
  mesh("mutual at the gateway", {}, "gateway.tls.mode=MUTUAL", "gateway.tls.minProtocolVersion=TLSV1_3"),
  mesh("no retries", {}, "retries.attempts=0"),
  mesh(
    "names",
    {},
    "regions[0].serviceName=locks",
    "regions[0].name=us-east",
    "regions[0].namespace=locks",
    "regions[0].release=one",
    "regions[0].app=lock-service",
  ),
];

export const refused: readonly (Render & { readonly says: RegExp })[] = [
  { ...switched("two nodes", "replicaCount=2"), says: /replicaCount/ },
  { ...switched("seven nodes", "replicaCount=7"), says: /replicaCount/ },
  { ...switched("a value that nobody knows", "replicas=3"), says: /replicas/ },
  { ...switched("a setting that nobody knows", "config.NO_SUCH=1"), says: /NO_SUCH/ },
  { ...switched("a setting that the chart decides", "config.RAFT_PEERS=x"), says: /RAFT_PEERS/ },
  { ...switched("a secret among the settings", "config.DATABASE_PASSWORD=x"), says: /DATABASE_PASSWORD/ },
  { ...switched("itself as another region", "regions[0].name=default", "regions[0].hosts={a}"), says: /itself/ },
  { ...switched("a region twice", ...far("a"), ...far("b", 1)), says: /far twice/ },
  { ...switched("a node twice", ...far("a,a:9091")), says: /a:9091 twice/ },
  { ...switched("a port that is none", ...far("a:99999")), says: /a:99999 has no port/ },
  {
    ...switched("a budget that takes the majority away", "podDisruptionBudget.maxUnavailable=2"),
    says: /majority of 3 nodes: at most 1/,
  },
  { ...switched("no time left to end", "preStopSeconds=40"), says: /terminationGracePeriodSeconds 60 leaves less/ },
  { ...switched("a heap as large as the memory", "maxOldSpaceMiB=2048"), says: /maxOldSpaceMiB 2048/ },
  { ...switched("one port for two things", "service.ports.grpc=8080"), says: /must differ/ },
  { ...switched("a region without hosts", "regions[0].name=far"), says: /hosts/ },
  { ...mesh("a default that is no region", {}, "defaultRegion=mars"), says: /mars/ },
  { ...mesh("retries of what may have been done", {}, "retries.retryOn=5xx"), says: /retryOn/ },
  { ...mesh("one region twice", {}, "regions[0].serviceName=a", "regions[1].serviceName=a"), says: /twice/ },
];
