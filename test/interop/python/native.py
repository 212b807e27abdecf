"""The rules of the native interface, lockmgr.v1: a session, a queue, a watch, an election."""

import queue
import threading
import time
import uuid

import grpc
from lockmgr.v1 import election_pb2 as election
from lockmgr.v1 import election_pb2_grpc as election_grpc
from lockmgr.v1 import lock_pb2 as native
from lockmgr.v1 import lock_pb2_grpc as native_grpc
from lockmgr.v1 import types_pb2 as types

# How long is waited for what must come. It only ends what hangs.
SECONDS = 150
WAIT_MS = SECONDS * 1000
# Renewals every third of this leave room for whoever stands still for some seconds, a node or this client.
RENEWED_MS = 10000
# Of leases that must last to the end, however slow the machine is.
LASTING_MS = 300000


class Asked:
    """A call on a session that is not over."""

    def __init__(self, session, message):
        self.session = session
        self.message = message
        self.is_queued = False
        self.send()

    def send(self):
        session = self.session
        with session.mutex:
            session.last_id += 1
            self.answers = session.answers[session.last_id] = queue.Queue()
            session.send(id=session.last_id, **self.message)

    def next(self):
        """What comes next; that it is queued comes once. What is UNAVAILABLE is sent again: its id makes it the same request."""
        while True:
            answer = self.answers.get(timeout=SECONDS)
            if isinstance(answer, grpc.RpcError):
                raise answer
            if answer.error.code == grpc.StatusCode.UNAVAILABLE.value[0]:
                time.sleep(0.2)
                self.send()
            elif not (answer.HasField("queued") and self.is_queued):
                self.is_queued = answer.HasField("queued")
                return answer


class Session:
    """One session stream: keeps its lease alive, answers pings, and hands answers to those who asked."""

    def __init__(self, channel, owner, lease=0, ttl_ms=LASTING_MS):
        self.owner = owner
        self.ttl_ms = ttl_ms
        self.sending = queue.Queue()
        self.answers = {}
        self.last_id = 0
        self.renewals = 0
        self.mutex = threading.Lock()
        self.over = threading.Event()
        self.stream = native_grpc.LockServiceStub(channel).Session(iter(self.sending.get, None))
        threading.Thread(target=self.read, daemon=True).start()
        hello = native.Hello(lease_id=lease)
        if lease == 0:
            hello.open.CopyFrom(native.OpenLeaseRequest(owner=owner, ttl_ms=ttl_ms))
        self.welcome = self.call(hello=hello).welcome
        self.lease = self.welcome.lease.lease_id
        threading.Thread(target=self.renew, daemon=True).start()

    def ask(self, **message):
        """Sends a message. Whatever is said under its id comes as its next answer."""
        return Asked(self, message)

    def send(self, **message):
        self.sending.put(native.SessionRequest(messages=[native.ClientMessage(**message)]))

    def call(self, **message):
        return self.ask(**message).next()

    def read(self):
        try:
            for frame in self.stream:
                for message in frame.messages:
                    if message.HasField("ping"):
                        self.send(pong=native.Pong())
                    elif message.id in self.answers:
                        self.answers[message.id].put(message)
        except grpc.RpcError as error:
            # Whoever waits for an answer gets what the stream has ended with.
            with self.mutex:
                for answers in self.answers.values():
                    answers.put(error)
        self.over.set()

    def renew(self):
        while not self.over.wait(self.ttl_ms / 3000):
            try:
                answer = self.call(renew=native.RenewLeaseRequest())
            except (grpc.RpcError, queue.Empty):
                return
            self.renewals += answer.HasField("renewed")

    def acquire(self, lock, **more):
        more.setdefault("request_id", str(uuid.uuid4()))
        return self.ask(acquire=native.AcquireRequest(demands=[types.Demand(lock=lock)], owner=self.owner, **more))

    def release(self, token):
        return self.call(release=native.ReleaseRequest(token=token, request_id=str(uuid.uuid4())))

    def drop(self):
        """Breaks the stream off. The lease, its locks and its waits go on."""
        self.over.set()
        self.stream.cancel()


def watch(channel, lock):
    """The events of a lock as they come, on a queue; and what ends the watch."""
    stream = native_grpc.LockServiceStub(channel).Watch(native.WatchRequest(lock=lock))
    events = queue.Queue()
    begun = threading.Event()

    def read():
        try:
            for response in stream:
                begun.set()
                for event in response.events:
                    events.put(event)
        except grpc.RpcError:
            begun.set()

    threading.Thread(target=read, daemon=True).start()
    begun.wait(SECONDS)
    return events, stream.cancel


def session_rules(rule, lock, here, there):
    client = native_grpc.LockServiceStub(there)
    one, two = Session(here, "python-one"), Session(there, "python-two")
    lease = one.welcome.lease
    rule(
        "python: a session opens a lease that its client may use for less than its ttl",
        lease.lease_id > 0 and lease.ttl_ms == LASTING_MS and 0 < lease.usable_ms < LASTING_MS,
        one.welcome,
    )
    events, end_watch = watch(there, lock)
    free = one.acquire(lock).next()
    token = free.acquired.granted.token
    rule("python: a free lock is granted at once on a session", token > 0, free)

    waiting = two.acquire(lock, wait_ms=WAIT_MS, request_id="python-two-waits")
    queued = waiting.next()
    rule(
        "python: a request that has to wait is told its place and who holds the lock",
        queued.queued.position == 1 and queued.queued.obstacle.holder.token == token,
        queued,
    )
    released = one.release(token)
    rule("python: a release on the session frees the lock", released.released.how == types.ENDING_RELEASED, released)
    grant = waiting.next()
    later = grant.acquired.granted.token
    rule("python: the next in line is granted the lock, with a greater token", later > token, grant)

    stale = one.release(later)
    current = [client.Verify(native.VerifyRequest(lock=lock, token=each)).current for each in (token, later)]
    rule(
        "python: a release with the token of another's grant is refused, and frees nothing",
        stale.HasField("error") and current == [False, True],
        (stale, current),
    )

    two.drop()
    two = Session(here, "python-two", two.lease)
    again = two.acquire(lock, wait_ms=WAIT_MS, request_id="python-two-waits").next()
    rule(
        "python: after a break the session is taken up at another node, and a repeat has the same token",
        again.acquired.granted.token == later,
        again,
    )
    cancel_rules(rule, lock, one, client)
    two.release(later)

    kinds = [events.get(timeout=SECONDS).kind for _ in range(6)]
    rule(
        "python: a watch tells all that has happened, in order",
        kinds
        == [
            types.EVENT_KIND_GRANTED,
            types.EVENT_KIND_QUEUED,
            types.EVENT_KIND_RELEASED,
            types.EVENT_KIND_GRANTED,
            types.EVENT_KIND_QUEUED,
            types.EVENT_KIND_UNQUEUED,
        ],
        kinds,
    )
    end_watch()
    deadlock_rules(rule, lock, one, two)
    one.drop()
    two.drop()


def cancel_rules(rule, lock, one, client):
    waiting = one.acquire(lock, wait_ms=WAIT_MS, request_id="python-one-waits")
    waiting.next()
    cancelled = one.call(cancel=native.CancelRequest(request_id="python-one-waits"))
    ended = waiting.next()
    left = client.ListWaiters(native.ListWaitersRequest(lock=lock), timeout=SECONDS).total
    rule(
        "python: a request that is cancelled leaves the queue and is told so",
        cancelled.HasField("cancelled")
        and ended.acquired.wait_ended.reason == native.WAIT_END_CANCELLED
        and left == 0,
        (cancelled, ended, left),
    )


def deadlock_rules(rule, lock, one, two):
    left, right = lock + "-left", lock + "-right"
    one.acquire(left).next()
    two.acquire(right).next()
    waiting = one.acquire(right, wait_ms=WAIT_MS, request_id="python-crossing")
    waiting.next()
    refused = two.acquire(left, wait_ms=WAIT_MS).next()
    cycle = [wait.waiter.lease_id for wait in refused.acquired.deadlock.cycle]
    rule(
        "python: a request that would close a cycle is refused at once, with the cycle",
        cycle == [two.lease, one.lease],
        refused,
    )
    one.call(cancel=native.CancelRequest(request_id="python-crossing"))


def renewal_rules(rule, lock, here, there):
    """Holds a lock for longer than its lease would live without the renewals of its session."""
    one = Session(here, "python-one", ttl_ms=RENEWED_MS)
    token = one.acquire(lock).next().acquired.granted.token
    before = one.renewals
    time.sleep(RENEWED_MS * 1.25 / 1000)
    client = native_grpc.LockServiceStub(there)
    verified = client.Verify(native.VerifyRequest(lock=lock, token=token), timeout=SECONDS)
    rule(
        "python: renewals on the session keep the lock for longer than its ttl",
        verified.current and verified.holder.owner == "python-one" and one.renewals > before,
        verified,
    )
    one.drop()


def expiry_rules(rule, lock, here, there):
    """Ends the holder's session, and with it the renewals of its lease."""
    holder, waiter = Session(here, "python-one", ttl_ms=RENEWED_MS), Session(there, "python-two")
    token = holder.acquire(lock).next().acquired.granted.token
    waiting = waiter.acquire(lock, wait_ms=WAIT_MS)
    waiting.next()
    holder.drop()
    grant = waiting.next()
    rule(
        "python: a lease that is not renewed ends, and the next in line is granted its lock",
        grant.acquired.granted.token > token > 0,
        grant,
    )
    waiter.drop()


def election_rules(rule, name, here, there):
    one, two = election_grpc.ElectionServiceStub(here), election_grpc.ElectionServiceStub(there)
    leases = [
        native_grpc.LockServiceStub(here)
        .OpenLease(native.OpenLeaseRequest(owner=owner, ttl_ms=LASTING_MS), timeout=SECONDS)
        .lease_id
        for owner in ("python-one", "python-two")
    ]
    observing = two.Observe(election.ObserveRequest(election=name), timeout=4 * SECONDS)
    nobody = next(observing)
    rule("python: an observer is told first that nobody leads", not nobody.HasField("leader"), nobody)

    def campaign(stub, number, value):
        request = election.CampaignRequest(
            election=name,
            owner=("python-one", "python-two")[number],
            lease_id=leases[number],
            value=value,
            wait_ms=WAIT_MS,
            request_id="wants",
        )
        return stub.Campaign(request, timeout=2 * SECONDS).result.granted.token

    token = campaign(one, 0, "a")
    later = []
    second = threading.Thread(target=lambda: later.append(campaign(two, 1, "c")), daemon=True)
    second.start()
    leader = {"lease_id": leases[0], "token": token}
    said = election.ProclaimLeaderRequest(election=name, value="b", request_id="says", **leader)
    one.ProclaimLeader(said, timeout=SECONDS)
    one.Resign(election.ResignRequest(request_id="resigns", **leader), timeout=SECONDS)
    second.join(2 * SECONDS)
    rule("python: when the leader resigns the next candidate leads", token > 0 and later and later[0] > token, later)
    values = []
    for response in observing:
        if response.HasField("leader"):
            values.append(response.leader.value)
        if values[-1:] == ["c"]:
            break
    observing.cancel()
    rule("python: an observer hears of every leader and of every change", values == ["a", "b", "c"], values)
