// Fencing for Redis: a script that refuses commands of somebody whose lock has passed on, in one step with carrying them out.
// Needs no driver of its own: whatever has node-redis' `eval` will do.

import { type FencedBy, staleToken, tokenText } from "./fence.cts";

/**
 * node-redis' clients and clusters as they are. With ioredis:
 * `{ eval: (script, { keys, arguments: words }) => redis.eval(script, keys.length, ...keys, ...words) }`.
 */
export interface RedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** A command, whose first argument is its key: `["SET", "report:7", "done"]`. */
export type RedisCommand = readonly [name: string, key: string, ...rest: string[]];

export interface FencedCommandsOptions {
  /**
   * The key under which Redis remembers the highest token. In a Redis Cluster it must share its hash tag with the keys of the commands,
   * as `{report:7}:fence` does with `{report:7}`.
   */
  readonly fenceKey: string;
  /** The fencing token of the grant. */
  readonly token: FencedBy["token"];
  /** Carried out in order, with nothing between them. */
  readonly commands: readonly RedisCommand[];
}

// Tokens are compared as decimal numbers of any length: Lua's numbers are exact to 2^53 only.
const script = `
local fence, token, last = KEYS[1], ARGV[1], redis.call('GET', KEYS[1])
if last and (#last > #token or (#last == #token and last > token)) then return {0, last} end
redis.call('SET', fence, token)
local answer, word = {1}, 2
while word <= #ARGV do
  local words = tonumber(ARGV[word])
  answer[#answer + 1] = redis.call(unpack(ARGV, word + 1, word + words))
  word = word + words + 1
end
return answer`;

/**
 * Carries out commands if no greater token has been seen under `fenceKey`, and answers what they answered. Without commands it only
 * raises the fence: do so before reading what you are about to change.
 *
 * Protects: the keys of these commands, from everybody who writes them with a fence under the same key. After the first command with
 * a greater token, none with a smaller one is carried out.
 *
 * Does not protect: keys that others write without a fence. What Redis itself loses: if it forgets the last second at a crash
 * (`appendfsync everysec`) or at a fail-over to a replica that lags, it forgets fences too; and a fence that is evicted, expires or is
 * deleted lets any token in, so keep `maxmemory-policy noeviction` and set no expiry on it. If a command fails, those before it
 * stay done, as always in Redis.
 *
 * @throws LockError `STALE_TOKEN` when a greater token has been seen; nothing has been carried out then.
 */
export async function fencedRedisCommands(client: RedisClient, options: FencedCommandsOptions): Promise<unknown[]> {
  const { fenceKey, token, commands } = options;
  const answer = await client.eval(script, {
    keys: [fenceKey, ...commands.map(([, key]) => key)],
    arguments: [tokenText(token), ...commands.flatMap((command) => [String(command.length), ...command])],
  });
  if (!Array.isArray(answer)) throw new Error("Redis has not answered as a script does");
  const [accepted, ...replies] = answer as unknown[];
  if (Number(accepted) !== 1) throw staleToken({ resource: fenceKey, token }, String(replies[0]));
  return replies;
}
