// A client of all services, made from the .proto files by the usual Go tools and written against the published interface.
// It prints one line per rule, "ok RULE" or "FAIL RULE: why". Arguments: the addresses of one or more nodes of a group.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	stateless "lockmgr.test/interop/gen/com/geastalt/lock/grpc"
	leased "lockmgr.test/interop/gen/lowkey/v1"
)

// repeats tells gRPC to repeat what was UNAVAILABLE, as it is while a leader is elected. Request ids make that safe.
const repeats = `{"methodConfig": [{
	"name": [{"service": "lockmgr.v1.LockService"}, {"service": "lockmgr.v1.ElectionService"}],
	"retryPolicy": {
		"maxAttempts": 5, "initialBackoff": "0.5s", "maxBackoff": "2s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

// patience is how long is waited for what must come. It only ends what hangs.
const patience = 150 * time.Second

// Renewals every third of this leave room for whoever stands still for some seconds, a node or this client.
const renewedTTL = 10 * time.Second

// lastingTTL is of leases that must last to the end, however slow the machine is.
const lastingTTL = 300 * time.Second

var (
	said   sync.Mutex
	failed = false
)

func rule(name string, err error) {
	said.Lock()
	defer said.Unlock()
	if err == nil {
		fmt.Println("ok", name)
		return
	}
	failed = true
	fmt.Printf("FAIL %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
}

func want(condition bool, format string, values ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, values...)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	var connections []*grpc.ClientConn
	for _, address := range os.Args[1:] {
		connection, err := grpc.NewClient(
			address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(repeats),
		)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer connection.Close()
		connections = append(connections, connection)
	}
	// Each with locks of its own, all at once, for some have to wait until a ttl is over.
	plays := map[string]func(ctx context.Context, lock string, here, there *grpc.ClientConn){
		"stateless": statelessRules, "leased": leaseRules, "heartbeat": heartbeatRules,
		"native": sessionRules, "renewed": renewalRules, "election": electionRules,
	}
	var playing sync.WaitGroup
	for i, connection := range connections {
		// What one node was asked is seen by the next.
		next := connections[(i+1)%len(connections)]
		for name, play := range plays {
			playing.Go(func() { play(ctx, fmt.Sprintf("go-%s-%d", name, i), connection, next) })
		}
	}
	playing.Wait()
	if failed {
		os.Exit(1)
	}
}

func statelessRules(ctx context.Context, lock string, here, there *grpc.ClientConn) {
	one, other := stateless.NewLockServiceClient(here), stateless.NewLockServiceClient(there)
	mesh := metadata.AppendToOutgoingContext(ctx, "x-request-id", "request-"+lock)
	request := &stateless.AcquireLockRequest{LockId: lock, ClientId: "go-client", TimeoutMs: lastingTTL.Milliseconds()}

	granted, err := one.AcquireLock(mesh, request)
	if err == nil {
		err = want(granted.Success && granted.Status == stateless.LockStatus_LOCK_STATUS_OK && granted.FencingToken > 0, "%v", granted)
	}
	rule("go: a stateless acquire is granted", err)
	if err != nil {
		return
	}

	again, err := other.AcquireLock(mesh, request)
	if err == nil {
		err = want(again.Success && again.FencingToken == granted.FencingToken, "%v", again)
	}
	rule("go: a repeat under the same request id has the same token", err)

	held, err := other.AcquireLock(ctx, request)
	if err == nil {
		err = want(held.Status == stateless.LockStatus_LOCK_STATUS_ALREADY_LOCKED && strings.Contains(held.ErrorMessage, "go-client"), "%v", held)
	}
	rule("go: a second acquire is refused with the holder", err)

	checked, err := other.CheckLock(ctx, &stateless.CheckLockRequest{LockId: lock})
	if err == nil {
		err = want(checked.IsLocked && checked.HolderId == "go-client" && checked.FencingToken == granted.FencingToken && checked.TtlMs > 0, "%v", checked)
	}
	rule("go: a check shows the holder", err)

	wrong, err := other.ReleaseLock(ctx, &stateless.ReleaseLockRequest{LockId: lock, ClientId: "go-client", FencingToken: granted.FencingToken + 1000000})
	if err == nil {
		err = want(wrong.Status == stateless.LockStatus_LOCK_STATUS_INVALID_TOKEN, "%v", wrong)
	}
	rule("go: a release with another token is refused", err)

	released, err := other.ReleaseLock(ctx, &stateless.ReleaseLockRequest{LockId: lock, ClientId: "go-client", FencingToken: granted.FencingToken})
	if err == nil {
		err = want(released.Success && released.Status == stateless.LockStatus_LOCK_STATUS_OK, "%v", released)
	}
	rule("go: a release with its token frees the lock", err)

	free, err := one.CheckLock(ctx, &stateless.CheckLockRequest{LockId: lock})
	if err == nil {
		err = want(!free.IsLocked && free.Status == stateless.LockStatus_LOCK_STATUS_NOT_FOUND, "%v", free)
	}
	rule("go: a check of a free lock finds nothing", err)
}

func leaseRules(ctx context.Context, lock string, here, there *grpc.ClientConn) {
	one, other := leased.NewLockServiceClient(here), leased.NewLockServiceClient(there)
	ttl := int64(lastingTTL / time.Second)
	lease, err := one.CreateLease(ctx, &leased.CreateLeaseRequest{OwnerId: "go-owner", TtlSeconds: ttl})
	if err == nil {
		err = want(lease.LeaseId > 0 && lease.TtlSeconds == ttl, "%v", lease)
	}
	rule("go: a lease is opened", err)
	if err != nil {
		return
	}

	acquired, err := one.AcquireLock(ctx, &leased.AcquireLockRequest{LockName: lock, OwnerId: "go-owner", LeaseId: lease.LeaseId})
	if err == nil {
		err = want(acquired.FencingToken > 0 && acquired.LeaseTtlSeconds == ttl, "%v", acquired)
	}
	rule("go: a lock is acquired under the lease", err)
	if err != nil {
		return
	}

	same, err := other.AcquireLock(ctx, &leased.AcquireLockRequest{LockName: lock, OwnerId: "go-owner", LeaseId: lease.LeaseId})
	if err == nil {
		err = want(same.FencingToken == acquired.FencingToken, "%v", same)
	}
	rule("go: the lease that holds a lock gets the same token again", err)

	rival, err := other.CreateLease(ctx, &leased.CreateLeaseRequest{OwnerId: "go-rival", TtlSeconds: ttl})
	if err == nil {
		_, err = other.AcquireLock(ctx, &leased.AcquireLockRequest{LockName: lock, OwnerId: "go-rival", LeaseId: rival.LeaseId})
		err = want(status.Code(err) == codes.FailedPrecondition && strings.Contains(err.Error(), "go-owner"), "%v", err)
	}
	rule("go: a held lock is FAILED_PRECONDITION and names the holder", err)

	if rival != nil {
		_, err = other.ReleaseLock(ctx, &leased.ReleaseLockRequest{LockName: lock, LeaseId: rival.LeaseId})
		rule("go: another lease's release is PERMISSION_DENIED", want(status.Code(err) == codes.PermissionDenied, "%v", err))
	}
	_, err = one.RenewLease(ctx, &leased.RenewLeaseRequest{LeaseId: 1 << 40})
	rule("go: an unknown lease is NOT_FOUND", want(status.Code(err) == codes.NotFound, "%v", err))

	renewed, err := other.RenewLease(ctx, &leased.RenewLeaseRequest{LeaseId: lease.LeaseId})
	if err == nil {
		err = want(renewed.TtlSeconds == ttl, "%v", renewed)
	}
	rule("go: any node renews", err)

	released, err := one.ReleaseLock(ctx, &leased.ReleaseLockRequest{LockName: lock, LeaseId: lease.LeaseId})
	if err == nil {
		err = want(released.Released, "%v", released)
	}
	rule("go: the lease releases its lock", err)

	state, err := one.GetStatus(ctx, &leased.GetStatusRequest{})
	if err == nil {
		err = want(state.NodeId != "" && state.ClusterSize > 0 && state.Stats.FencingCounter >= acquired.FencingToken, "%v", state)
	}
	rule("go: a node tells its status", err)

	_, err = one.AddPeer(ctx, &leased.AddPeerRequest{NodeId: "node-9", RaftAddress: "127.0.0.1:1"})
	rule("go: a change of membership says that it is not implemented", want(status.Code(err) == codes.Unimplemented, "%v", err))
}

func heartbeatRules(ctx context.Context, _ string, here, _ *grpc.ClientConn) {
	client := leased.NewLockServiceClient(here)
	ttl := int64(renewedTTL / time.Second)
	lease, err := client.CreateLease(ctx, &leased.CreateLeaseRequest{OwnerId: "go-beating", TtlSeconds: ttl})
	if err == nil {
		err = heartbeats(ctx, client, lease.LeaseId, ttl)
	}
	rule("go: heartbeats every third of a ttl keep the lease for longer than its ttl", err)
}

// heartbeats beats four times, a third of the ttl apart, as the client library of that interface does.
func heartbeats(ctx context.Context, client leased.LockServiceClient, lease uint64, ttl int64) error {
	stream, err := client.Heartbeat(ctx)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(time.Duration(ttl) * time.Second / 3)
	defer ticker.Stop()
	for range 4 {
		<-ticker.C
		if err := stream.Send(&leased.HeartbeatRequest{LeaseId: lease}); err != nil {
			return err
		}
		beat, err := stream.Recv()
		if err != nil {
			return err
		}
		if beat.LeaseId != lease || beat.TtlSeconds != ttl {
			return fmt.Errorf("%v", beat)
		}
	}
	return stream.CloseSend()
}
