// The commands with which the charts are installed, as their users know them, by real helm on an API server that is none: what
// helm makes of them, what it says, and what it refuses the next time.

import { equal, match, ok } from "node:assert/strict";
import { root, run } from "../interop/run.ts";
import { startApiServer } from "./api-server.ts";
import type { Bench } from "./chart-rules.ts";

const regionCommand = (region: string): string =>
  `helm upgrade --install lockmgr-${region} helm/lockmgr -f helm/lockmgr/values-${region}.yaml -n lockmgr-${region} --create-namespace`;

const meshCommand = `helm upgrade --install lockmgr-istio helm/lockmgr-istio -n istio-system --set gateway.tls.enabled=false \\
     --set 'regions[0].serviceName=lockmgr-us-east' --set 'regions[1].serviceName=lockmgr-us-west'`;

export async function checkInstalling({ report, helm }: Bench): Promise<void> {
  const server = await startApiServer();
  const shell = (line: string) =>
    run("sh", ["-c", line.replace(/^helm /, `'${helm}' `)], {
      cwd: root,
      withinMs: 300_000,
      env: { HELM_KUBEAPISERVER: server.url, KUBECONFIG: "/dev/null" },
    });
  const must = async (line: string): Promise<string> => {
    const { code, output } = await shell(line);
    equal(code, 0, output);
    return output;
  };
  const has = (path: string): boolean => server.objects.has(path);
  try {
    await report.rule(
      "the commands of its users install two regions and the rules of the mesh, and say what next",
      async () => {
        for (const region of ["us-east", "us-west"]) {
          match(await must(regionCommand(region)), new RegExp(`gRPC {2}lockmgr-${region}\\.lockmgr-${region}\\.svc`));
          ok(has(`/apis/apps/v1/namespaces/lockmgr-${region}/statefulsets/lockmgr-${region}`));
        }
        match(
          await must(meshCommand),
          /locks\.example\.com leads to us-east, us-west; without the header x-region, to us-east/,
        );
        ok(has("/apis/networking.istio.io/v1/namespaces/istio-system/virtualservices/lockmgr-istio"));
        ok(has("/apis/security.istio.io/v1/namespaces/lockmgr-us-west/peerauthentications/lockmgr-us-west"));
      },
    );
    await report.rule("the same command upgrades, as often as it is given", async () => {
      match(await must(regionCommand("us-east")), /has been upgraded/);
      match(await must(`${regionCommand("us-east")} --set config.LOG_LEVEL=debug`), /REVISION: 3/);
    });
    await report.rule("an upgrade that changes what is for good is refused, and told why", async () => {
      for (const [set, why] of [
        ["replicaCount=5", /lockmgr\/nodes of lockmgr-us-east is 3 for good, and cannot become 5/],
        ["regionId=mars", /lockmgr\/region of lockmgr-us-east is us-east for good/],
        ["regions=null", /lockmgr\/regions of lockmgr-us-east is eu-west,us-east,us-west for good/],
      ] as const) {
        const { code, output } = await shell(`${regionCommand("us-east")} --set ${set}`);
        equal(code, 1, output);
        match(output, why);
      }
    });
    await report.rule("whoever names regions that the network policy does not let nodes reach is warned", async () => {
      const line =
        "helm upgrade --install far helm/lockmgr --set 'regions[0].name=mars,regions[0].hosts={10.1.0.1:9191}'";
      match(await must(line), /not to 10\.1\.0\.1:\ngive the addresses of other regions in networkPolicy\.regionCidrs/);
      const told = await must(`${line} --set 'networkPolicy.regionCidrs={10.1.0.0/16}'`);
      ok(!told.includes("WARNING"), told);
    });
  } finally {
    server.close();
  }
}
