// How long does a letter take around a ring of four threads, and how many rings a second are there when many are under way?
// This is the floor under every request: clients → raft → lock → clients crosses threads four times.

import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { openPostOffice, takeLetters } from "../src/transport/mailbox.ts";
import { now } from "../src/transport/timers.ts";

const threads = 4;
const rounds = 3;
const warmUpMs = 300;
const measureMs = 1_000;

interface Ring {
  /** The first thread starts the letters and counts them. */
  readonly first: boolean;
  readonly inflight: number;
  readonly incoming: MessagePort;
  readonly outgoing: MessagePort;
}

/** Of the size and shape of a small request. */
interface Letter {
  readonly type: "request";
  readonly call: number;
  readonly operation: { readonly type: "check"; readonly lock: string };
}

function runThread({ first, inflight, incoming, outgoing }: Ring): void {
  const post = openPostOffice().open<Letter>("thread → next", outgoing);
  let rings = 0;
  takeLetters<Letter>(incoming, (letters) => {
    for (const letter of letters) post({ ...letter, call: letter.call + 1 });
    rings += letters.length;
  });
  if (!first) return;
  for (let call = 0; call < inflight; call++) {
    post({ type: "request", call, operation: { type: "check", lock: `lock-${call}` } });
  }
  setTimeout(() => {
    const [ringsBefore, start] = [rings, now()];
    setTimeout(() => parentPort?.postMessage((rings - ringsBefore) / ((now() - start) / 1e3)), measureMs);
  }, warmUpMs);
}

/** Rings per second. */
async function measure(inflight: number): Promise<number> {
  const channels = Array.from({ length: threads }, () => new MessageChannel());
  const workers = channels.map((channel, place) => {
    const outgoing = (channels[(place + 1) % threads] as MessageChannel).port1;
    const ring: Ring = { first: place === 0, inflight, incoming: channel.port2, outgoing };
    return new Worker(new URL(import.meta.url), { workerData: ring, transferList: [ring.incoming, outgoing] });
  });
  const perSecond = await new Promise<number>((resolve, reject) => {
    workers[0]?.on("message", resolve);
    for (const worker of workers) worker.on("error", reject);
  });
  await Promise.all(workers.map((worker) => worker.terminate()));
  return perSecond;
}

async function main(): Promise<void> {
  console.log(`a ring of ${threads} threads, best and worst of ${rounds} rounds\n`);
  console.log("letters under way    rings/s (best)   (worst)    µs per ring and letter (best)");
  for (const inflight of [1, 16, 512]) {
    const results: number[] = [];
    for (let round = 0; round < rounds; round++) results.push(await measure(inflight));
    const [best, worst] = [Math.max(...results), Math.min(...results)];
    const cells = [inflight, best.toFixed(0), worst.toFixed(0), ((inflight * 1e6) / best).toFixed(0)];
    console.log(cells.map((cell, column) => String(cell).padStart([19, 18, 10, 33][column] ?? 10)).join(""));
  }
}

if (isMainThread) await main();
else runThread(workerData as Ring);
