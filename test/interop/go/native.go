package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	native "lockmgr.test/interop/gen/lockmgr/v1"
)

// sessionRules plays two clients that want one lock, each on a session of its own, while a third one watches.
func sessionRules(ctx context.Context, lock string, here, there *grpc.ClientConn) {
	one, err := openSession(ctx, here, "go-one", lastingTTL, 0)
	if err == nil {
		lease := one.welcome.Lease
		err = want(lease.LeaseId > 0 && lease.TtlMs == lastingTTL.Milliseconds() && lease.UsableMs > 0 && lease.UsableMs < lease.TtlMs, "%v", lease)
	}
	rule("go: a session opens a lease that its client may use for less than its ttl", err)
	if err != nil {
		return
	}
	defer one.drop()
	two, err := openSession(ctx, there, "go-two", lastingTTL, 0)
	rule("go: a second session opens another lease", err)
	if err != nil {
		return
	}
	defer func() { two.drop() }()

	events, err := watchLock(ctx, there, lock)
	rule("go: a watch begins with an empty message", err)
	if err != nil {
		return
	}

	token := granted(one, lock, "go: a free lock is granted at once on a session")
	if token == 0 {
		return
	}
	waiting, err := two.acquire(&native.AcquireRequest{
		Demands: []*native.Demand{{Lock: lock}}, Owner: "go-two", WaitMs: patience.Milliseconds(), RequestId: "go-two-waits",
	})
	var queued *native.ServerMessage
	if err == nil {
		queued, err = waiting.next()
	}
	if err == nil {
		place := queued.GetQueued()
		err = want(place.GetPosition() == 1 && place.GetObstacle().GetHolder().GetToken() == token, "%v", queued)
	}
	rule("go: a request that has to wait is told its place and who holds the lock", err)
	waiters, err := native.NewLockServiceClient(here).ListWaiters(ctx, &native.ListWaitersRequest{Lock: lock})
	if err == nil {
		err = want(waiters.Total == 1 && waiters.Waiters[0].Owner == "go-two", "%v", waiters)
	}
	rule("go: who waits is listed", err)

	released, err := one.release(token)
	if err == nil {
		err = want(released.GetReleased().GetHow() == native.Ending_ENDING_RELEASED, "%v", released)
	}
	rule("go: a release on the session frees the lock", err)
	var grant *native.ServerMessage
	if grant, err = waiting.next(); err == nil {
		err = want(grant.GetAcquired().GetGranted().GetToken() > token, "%v", grant)
	}
	rule("go: the next in line is granted the lock, with a greater token", err)
	if err != nil {
		return
	}
	later := grant.GetAcquired().GetGranted().Token

	staleRules(ctx, one, lock, here, token, later)
	two = resumed(ctx, two, lock, here, later)
	if two == nil {
		return
	}
	rule("go: a watch tells all that has happened, in order", watchedAll(events, []native.EventKind{
		native.EventKind_EVENT_KIND_GRANTED, native.EventKind_EVENT_KIND_QUEUED, native.EventKind_EVENT_KIND_RELEASED,
		native.EventKind_EVENT_KIND_GRANTED, native.EventKind_EVENT_KIND_RELEASED,
	}))
}

// renewalRules holds a lock for longer than its lease would live without the renewals of its session.
func renewalRules(ctx context.Context, lock string, here, there *grpc.ClientConn) {
	one, err := openSession(ctx, here, "go-one", renewedTTL, 0)
	if err != nil {
		rule("go: a session opens a lease that it renews", err)
		return
	}
	defer one.drop()
	token := granted(one, lock, "go: a free lock is granted on a session that renews its lease")
	if token == 0 {
		return
	}
	beats := one.renewals()
	time.Sleep(renewedTTL + renewedTTL/4)
	verified, err := native.NewLockServiceClient(there).Verify(ctx, &native.VerifyRequest{Lock: lock, Token: token})
	if err == nil {
		err = want(verified.Current && verified.Holder.GetOwner() == "go-one" && one.renewals() > beats, "%v", verified)
	}
	rule("go: renewals on the session keep the lock for longer than its ttl", err)
}

// granted acquires without waiting, and gives the token; 0 if it was not granted.
func granted(s *session, lock, name string) uint64 {
	answers, err := s.acquire(&native.AcquireRequest{Demands: []*native.Demand{{Lock: lock}}, Owner: "go-one"})
	var answer *native.ServerMessage
	if err == nil {
		answer, err = answers.next()
	}
	if err == nil {
		err = want(answer.GetAcquired().GetGranted().GetToken() > 0, "%v", answer)
	}
	rule(name, err)
	if err != nil {
		return 0
	}
	return answer.GetAcquired().GetGranted().Token
}

func staleRules(ctx context.Context, one *session, lock string, here *grpc.ClientConn, token, later uint64) {
	client := native.NewLockServiceClient(here)
	again, err := one.release(token)
	if err == nil {
		err = want(again.GetReleased() != nil, "%v", again)
	}
	rule("go: a second release says how the grant has ended", err)
	foreign, err := one.release(later)
	if err == nil {
		code := codes.Code(foreign.GetError().GetCode())
		err = want(code == codes.FailedPrecondition || code == codes.PermissionDenied, "%v", foreign)
	}
	rule("go: a release with the token of another's grant is refused", err)
	for _, tried := range []struct {
		token uint64
		holds bool
	}{{token, false}, {later, true}} {
		verified, verifyErr := client.Verify(ctx, &native.VerifyRequest{Lock: lock, Token: tried.token})
		if verifyErr == nil {
			verifyErr = want(verified.Current == tried.holds, "%v", verified)
		}
		if err = verifyErr; err != nil {
			break
		}
	}
	rule("go: neither frees anything, and only the later token is current", err)
	held, err := client.Acquire(ctx, &native.AcquireRequest{
		Demands: []*native.Demand{{Lock: lock}}, Owner: "go-third", Under: &native.AcquireRequest_TtlMs{TtlMs: 5000},
	})
	if err == nil {
		err = want(held.GetHeld().GetHolder().GetOwner() == "go-two" && held.GetHeld().GetHolder().GetToken() == later, "%v", held)
	}
	rule("go: a unary acquire that does not wait is told the holder", err)
}

// resumed breaks a session off, goes on with its lease at another node, and releases there.
func resumed(ctx context.Context, old *session, lock string, elsewhere *grpc.ClientConn, token uint64) *session {
	old.drop()
	two, err := openSession(ctx, elsewhere, "go-two", lastingTTL, old.lease)
	if err == nil {
		err = want(two.lease == old.lease, "%v", two.welcome)
	}
	rule("go: a session that broke off is taken up again at another node, by its lease", err)
	if err != nil {
		return nil
	}
	// A repeat of the request that was granted, as after an answer that was lost.
	answers, err := two.acquire(&native.AcquireRequest{
		Demands: []*native.Demand{{Lock: lock}}, Owner: "go-two", WaitMs: patience.Milliseconds(), RequestId: "go-two-waits",
	})
	var answer *native.ServerMessage
	if err == nil {
		answer, err = answers.next()
	}
	if err == nil {
		err = want(answer.GetAcquired().GetGranted().GetToken() == token, "%v", answer)
	}
	rule("go: a repeat of the request after the break has the same token", err)
	released, err := two.release(token)
	if err == nil {
		err = want(released.GetReleased().GetHow() == native.Ending_ENDING_RELEASED, "%v", released)
	}
	rule("go: what was granted before the break is released after it", err)
	return two
}

// watchLock gives the events of a lock as they come, after the message with which a watch begins.
func watchLock(ctx context.Context, connection *grpc.ClientConn, lock string) (chan *native.Event, error) {
	stream, err := native.NewLockServiceClient(connection).Watch(ctx, &native.WatchRequest{What: &native.WatchRequest_Lock{Lock: lock}})
	if err != nil {
		return nil, err
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if err := want(len(first.Events) == 0, "%v", first); err != nil {
		return nil, err
	}
	events := make(chan *native.Event, 1000)
	go func() {
		defer close(events)
		for {
			response, err := stream.Recv()
			if err != nil {
				return
			}
			for _, event := range response.Events {
				events <- event
			}
		}
	}()
	return events, nil
}

func watchedAll(events chan *native.Event, kinds []native.EventKind) error {
	revision := uint64(0)
	for i, kind := range kinds {
		select {
		case event, open := <-events:
			if !open {
				return status.Error(codes.Unavailable, "the watch has ended")
			}
			if err := want(event.Kind == kind && event.Revision >= revision, "event %d, %v wanted: %v", i, kind, event); err != nil {
				return err
			}
			revision = event.Revision
		case <-time.After(patience):
			return status.Errorf(codes.DeadlineExceeded, "event %d, %v wanted, does not come", i, kind)
		}
	}
	return nil
}

// electionRules plays two candidates and an observer.
func electionRules(ctx context.Context, name string, here, there *grpc.ClientConn) {
	one, two := native.NewElectionServiceClient(here), native.NewElectionServiceClient(there)
	var leases []uint64
	for _, owner := range []string{"go-one", "go-two"} {
		lease, err := native.NewLockServiceClient(here).OpenLease(ctx, &native.OpenLeaseRequest{Owner: owner, TtlMs: lastingTTL.Milliseconds()})
		if err != nil {
			rule("go: a lease is opened for a candidate", err)
			return
		}
		leases = append(leases, lease.LeaseId)
	}
	observed, err := two.Observe(ctx, &native.ObserveRequest{Election: name})
	var nobody *native.ObserveResponse
	if err == nil {
		nobody, err = observed.Recv()
	}
	if err == nil {
		err = want(nobody.Leader == nil, "%v", nobody)
	}
	rule("go: an observer is told first that nobody leads", err)
	if err != nil {
		return
	}
	won, err := one.Campaign(ctx, &native.CampaignRequest{Election: name, Owner: "go-one", LeaseId: leases[0], Value: "a", WaitMs: patience.Milliseconds(), RequestId: "go-one-wants"})
	if err == nil {
		err = want(won.Result.GetGranted().GetToken() > 0, "%v", won)
	}
	rule("go: the first candidate leads", err)
	if err != nil {
		return
	}
	token := won.Result.GetGranted().Token
	second := make(chan error, 1)
	go func() {
		later, err := two.Campaign(ctx, &native.CampaignRequest{Election: name, Owner: "go-two", LeaseId: leases[1], Value: "c", WaitMs: patience.Milliseconds(), RequestId: "go-two-wants"})
		if err == nil {
			err = want(later.Result.GetGranted().GetToken() > token, "%v", later)
		}
		second <- err
	}()
	_, err = one.ProclaimLeader(ctx, &native.ProclaimLeaderRequest{Election: name, LeaseId: leases[0], Token: token, Value: "b", RequestId: "go-one-says"})
	rule("go: the leader changes what it proclaims", err)
	_, err = one.Resign(ctx, &native.ResignRequest{LeaseId: leases[0], Token: token, RequestId: "go-one-resigns"})
	rule("go: the leader resigns", err)
	rule("go: the second candidate leads next", <-second)
	rule("go: an observer hears of every leader and of every change", observedAll(observed, []string{"a", "b", "c"}))
}

// observedAll reads until the values have been proclaimed, in order. Nobody may lead between two leaders.
func observedAll(stream native.ElectionService_ObserveClient, values []string) error {
	for len(values) > 0 {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if response.Leader == nil {
			continue
		}
		if err := want(response.Leader.Value == values[0], "%q wanted: %v", values[0], response); err != nil {
			return err
		}
		values = values[1:]
	}
	return nil
}
