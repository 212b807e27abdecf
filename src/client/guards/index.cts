// Guards: what a store must check so that a holder that was paused, and does not know that its lock has passed on, cannot write.
// A lock alone cannot do that, however good it is. `lockmgr/guards` is this file.

export type { FencedBy } from "./fence.cts";
export {
  checkFencedPostgresUpdate,
  type FencedTransactionOptions,
  fencedPostgresTransaction,
  type PostgresConnection,
  type PostgresResult,
  postgresFenceTable,
  raisePostgresFence,
} from "./postgres.cts";
export { type FencedCommandsOptions, fencedRedisCommands, type RedisClient, type RedisCommand } from "./redis.cts";
export {
  checkS3Conditions,
  type FencedS3Options,
  fencedS3Update,
  readFencedS3,
  type S3Object,
  type S3Place,
  type S3Store,
  type S3Write,
} from "./s3.cts";
