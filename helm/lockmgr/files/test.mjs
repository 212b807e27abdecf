// What `helm test` runs: takes a lock by way of the clients' service, sees another refused, and gives it back.

const [base] = process.argv.slice(-1);
const name = `helm-test-${Date.now()}-${Math.random()}`;
/** Less than the five minutes that helm waits. */
const deadline = Date.now() + 240_000;

/** Asks until there is an answer that says yes or no; a group that is just electing says neither. */
async function post(path, body) {
  for (;;) {
    let problem;
    try {
      const answer = await fetch(base + path, {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      });
      const text = await answer.text();
      if (answer.status < 500) return { status: answer.status, ...JSON.parse(text) };
      problem = `${answer.status} ${text}`;
    } catch (error) {
      problem = String(error.cause ?? error);
    }
    if (Date.now() > deadline) throw new Error(`${path}: ${problem}`);
    console.log(`${path}: ${problem}; once more`);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

function expect(rule, holds, answer) {
  console.log(`${holds ? "ok  " : "FAIL"} ${rule}${holds ? "" : `: ${JSON.stringify(answer)}`}`);
  if (!holds) process.exitCode = 1;
}

try {
  const one = await post("/v1/lease", { owner_id: "helm-test-1", ttl_seconds: 600 });
  const two = await post("/v1/lease", { owner_id: "helm-test-2", ttl_seconds: 600 });
  expect("leases are granted", one.status === 200 && two.status === 200, one);
  const held = { lock_name: name, owner_id: "helm-test-1", lease_id: one.lease_id };
  const granted = await post("/v1/lock/acquire", held);
  expect("a lock is granted, with a token", granted.fencing_token > 0, granted);
  const refused = await post("/v1/lock/acquire", { lock_name: name, owner_id: "helm-test-2", lease_id: two.lease_id });
  expect("another lease is refused it", refused.status === 409, refused);
  const released = await post("/v1/lock/release", { lock_name: name, lease_id: one.lease_id });
  expect("it is given back", released.released === true, released);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
// A proxy beside this container, if there is one, may go as well.
await fetch("http://127.0.0.1:15020/quitquitquit", { method: "POST", signal: AbortSignal.timeout(1_000) }).catch(
  () => undefined,
);
