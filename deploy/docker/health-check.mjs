// The health check of the image: exits with 0 if the node of this container answers 200 at the path that is given, /healthz
// (alive) or /readyz (reaches a leader).

const path = process.argv[2] ?? "/healthz";
const port = process.env.HTTP_PORT || "8080";
try {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(4_000) });
  process.exitCode = response.ok ? 0 : 1;
  if (!response.ok) console.error(await response.text());
} catch (error) {
  console.error(String(error.cause ?? error));
  process.exitCode = 1;
}
