"""A client of all services, made from the .proto files by the usual Python tools.

It prints one line per rule, "ok RULE" or "FAIL RULE: why". Arguments: the addresses of one or more nodes of a group.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import native
from com.geastalt.lock.grpc import lock_pb2 as stateless
from com.geastalt.lock.grpc import lock_pb2_grpc as stateless_grpc
from lowkey.v1 import lock_pb2 as leased
from lowkey.v1 import lock_pb2_grpc as leased_grpc
from native import LASTING_MS, RENEWED_MS, SECONDS

# What was UNAVAILABLE, as it is while a leader is elected, is repeated. Request ids make that safe.
REPEATS = {
    "methodConfig": [
        {
            "name": [{"service": "lockmgr.v1.LockService"}, {"service": "lockmgr.v1.ElectionService"}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.5s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
failed = False
saying = threading.Lock()


def rule(name, holds, found=""):
    global failed
    with saying:
        failed = failed or not holds
        print(f"ok {name}" if holds else f"FAIL {name}: {str(found)!r}", flush=True)


def refusal(call, request):
    """The status and message with which a call is refused."""
    try:
        return None, str(call(request, timeout=SECONDS))
    except grpc.RpcError as error:
        return error.code(), error.details()


def stateless_rules(lock, here, there):
    one, other = stateless_grpc.LockServiceStub(here), stateless_grpc.LockServiceStub(there)
    acquire = stateless.AcquireLockRequest(lock_id=lock, client_id="python-client", timeout_ms=LASTING_MS)
    mesh = (("x-request-id", "request-" + lock),)

    granted = one.AcquireLock(acquire, timeout=SECONDS, metadata=mesh)
    rule("python: a stateless acquire is granted", granted.success and granted.fencing_token > 0, granted)
    again = other.AcquireLock(acquire, timeout=SECONDS, metadata=mesh)
    rule(
        "python: a repeat under the same request id has the same token",
        again.success and again.fencing_token == granted.fencing_token,
        again,
    )
    held = other.AcquireLock(acquire, timeout=SECONDS)
    rule(
        "python: a second acquire is refused with the holder",
        held.status == stateless.LOCK_STATUS_ALREADY_LOCKED and "python-client" in held.error_message,
        held,
    )
    checked = other.CheckLock(stateless.CheckLockRequest(lock_id=lock), timeout=SECONDS)
    rule(
        "python: a check shows the holder",
        checked.is_locked and checked.holder_id == "python-client" and checked.fencing_token == granted.fencing_token,
        checked,
    )
    release = stateless.ReleaseLockRequest(lock_id=lock, client_id="python-client", fencing_token=granted.fencing_token)
    rule("python: a release with its token frees the lock", other.ReleaseLock(release, timeout=SECONDS).success)
    twice = one.ReleaseLock(release, timeout=SECONDS)
    rule("python: a second release finds nothing", twice.status == stateless.LOCK_STATUS_NOT_FOUND, twice)


def lease_rules(lock, here, there):
    one, other = leased_grpc.LockServiceStub(here), leased_grpc.LockServiceStub(there)
    ttl = LASTING_MS // 1000
    lease = one.CreateLease(leased.CreateLeaseRequest(owner_id="python-owner", ttl_seconds=ttl), timeout=SECONDS)
    rule("python: a lease is opened", lease.lease_id > 0 and lease.ttl_seconds == ttl, lease)
    acquire = leased.AcquireLockRequest(lock_name=lock, owner_id="python-owner", lease_id=lease.lease_id)
    acquired = one.AcquireLock(acquire, timeout=SECONDS)
    rule("python: a lock is acquired under the lease", acquired.fencing_token > 0, acquired)
    same = other.AcquireLock(acquire, timeout=SECONDS)
    rule(
        "python: the lease that holds a lock gets the same token again",
        same.fencing_token == acquired.fencing_token,
        same,
    )
    rival = other.CreateLease(leased.CreateLeaseRequest(owner_id="python-rival", ttl_seconds=ttl), timeout=SECONDS)
    code, details = refusal(
        other.AcquireLock,
        leased.AcquireLockRequest(lock_name=lock, owner_id="python-rival", lease_id=rival.lease_id),
    )
    rule(
        "python: a held lock is FAILED_PRECONDITION and names the holder",
        code == grpc.StatusCode.FAILED_PRECONDITION and "python-owner" in details,
        (code, details),
    )
    code, details = refusal(other.ReleaseLock, leased.ReleaseLockRequest(lock_name=lock, lease_id=rival.lease_id))
    rule("python: another lease's release is PERMISSION_DENIED", code == grpc.StatusCode.PERMISSION_DENIED, (code, details))
    renewed = other.RenewLease(leased.RenewLeaseRequest(lease_id=lease.lease_id), timeout=SECONDS)
    rule("python: any node renews", renewed.ttl_seconds == ttl, renewed)
    released = one.ReleaseLock(leased.ReleaseLockRequest(lock_name=lock, lease_id=lease.lease_id), timeout=SECONDS)
    rule("python: the lease releases its lock", released.released, released)
    code, details = refusal(one.CreateLease, leased.CreateLeaseRequest(owner_id="", ttl_seconds=ttl))
    rule("python: an empty owner is INVALID_ARGUMENT", code == grpc.StatusCode.INVALID_ARGUMENT, (code, details))


def heartbeat_rules(_, here, __):
    client = leased_grpc.LockServiceStub(here)
    ttl = RENEWED_MS // 1000
    lease = client.CreateLease(leased.CreateLeaseRequest(owner_id="python-beating", ttl_seconds=ttl), timeout=SECONDS)

    def beats():
        for _ in range(4):
            time.sleep(ttl / 3)
            yield leased.HeartbeatRequest(lease_id=lease.lease_id)

    beaten = [(beat.lease_id, beat.ttl_seconds) for beat in client.Heartbeat(beats(), timeout=SECONDS)]
    rule(
        "python: heartbeats every third of a ttl keep the lease for longer than its ttl",
        beaten == [(lease.lease_id, ttl)] * 4,
        beaten,
    )


# By a word for the names of their locks.
PLAYS = {
    "stateless": stateless_rules,
    "leased": lease_rules,
    "heartbeat": heartbeat_rules,
    "native": lambda *where: native.session_rules(rule, *where),
    "renewed": lambda *where: native.renewal_rules(rule, *where),
    "expiring": lambda *where: native.expiry_rules(rule, *where),
    "election": lambda *where: native.election_rules(rule, *where),
}


def main(addresses):
    channels = [
        grpc.insecure_channel(address, options=[("grpc.service_config", json.dumps(REPEATS))]) for address in addresses
    ]
    # Each with locks of its own, all at once, for some have to wait until a ttl is over.
    with ThreadPoolExecutor(len(PLAYS) * len(channels)) as threads:
        playing = [
            # What one node was asked is seen by the next.
            threads.submit(play, f"python-{name}-{i}", channel, channels[(i + 1) % len(channels)])
            for i, channel in enumerate(channels)
            for name, play in PLAYS.items()
        ]
    for played in playing:
        played.result()
    for channel in channels:
        channel.close()


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.exit(1 if failed else 0)
