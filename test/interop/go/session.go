package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	native "lockmgr.test/interop/gen/lockmgr/v1"
)

// session is a client of one session stream: it keeps its lease alive, answers pings, and hands answers to those who asked.
type session struct {
	lease   uint64
	welcome *native.Welcome
	stream  native.LockService_SessionClient
	cancel  context.CancelFunc

	mutex   sync.Mutex
	nextID  uint64
	waiting map[uint64]chan *native.ServerMessage
	renewed int
	broken  error
}

// openSession opens a lease, or takes one up again if lease is not 0. Renewals are sent every third of the ttl.
func openSession(ctx context.Context, connection *grpc.ClientConn, owner string, ttl time.Duration, lease uint64) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := native.NewLockServiceClient(connection).Session(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &session{stream: stream, cancel: cancel, waiting: map[uint64]chan *native.ServerMessage{}}
	hello := &native.Hello{LeaseId: lease}
	if lease == 0 {
		hello.Open = &native.OpenLeaseRequest{Owner: owner, TtlMs: ttl.Milliseconds()}
	}
	go s.read()
	first, err := s.call(&native.ClientMessage{Message: &native.ClientMessage_Hello{Hello: hello}})
	if err == nil {
		err = want(first.GetWelcome() != nil, "no welcome: %v", first)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s.welcome, s.lease = first.GetWelcome(), first.GetWelcome().Lease.LeaseId
	go s.renew(ctx, ttl/3)
	return s, nil
}

// asked is a call on a session that is not over.
type asked struct {
	session *session
	message *native.ClientMessage
	answers chan *native.ServerMessage
	queued  bool
}

// ask sends a message. Whatever is said under its id comes as its next answer.
func (s *session) ask(message *native.ClientMessage) (*asked, error) {
	call := &asked{session: s, message: message}
	return call, call.send()
}

func (call *asked) send() error {
	s := call.session
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.nextID++
	call.message.Id = s.nextID
	call.answers = make(chan *native.ServerMessage, 64)
	s.waiting[s.nextID] = call.answers
	return s.send(call.message)
}

// next waits for what comes next; that it is queued comes once. A call that is answered UNAVAILABLE is sent again: its request
// id makes it the same request.
func (call *asked) next() (*native.ServerMessage, error) {
	late := time.After(patience)
	for {
		select {
		case answer, open := <-call.answers:
			if !open {
				return nil, fmt.Errorf("the session has ended: %v", call.session.broken)
			}
			if codes.Code(answer.GetError().GetCode()) == codes.Unavailable {
				time.Sleep(200 * time.Millisecond)
				if err := call.send(); err != nil {
					return nil, err
				}
			} else if isQueued := answer.GetQueued() != nil; !isQueued || !call.queued {
				call.queued = isQueued
				return answer, nil
			}
		case <-late:
			return nil, fmt.Errorf("no answer in %v", patience)
		}
	}
}

// send is called with the mutex held.
func (s *session) send(message *native.ClientMessage) error {
	return s.stream.Send(&native.SessionRequest{Messages: []*native.ClientMessage{message}})
}

// call sends a message and waits for its one answer.
func (s *session) call(message *native.ClientMessage) (*native.ServerMessage, error) {
	call, err := s.ask(message)
	if err != nil {
		return nil, err
	}
	return call.next()
}

func (s *session) read() {
	for {
		frame, err := s.stream.Recv()
		s.mutex.Lock()
		if err != nil {
			s.broken = err
			for _, answers := range s.waiting {
				close(answers)
			}
			s.waiting = map[uint64]chan *native.ServerMessage{}
			s.mutex.Unlock()
			return
		}
		for _, message := range frame.Messages {
			if message.GetPing() != nil {
				s.send(&native.ClientMessage{Message: &native.ClientMessage_Pong{Pong: &native.Pong{}}})
			} else if answers := s.waiting[message.Id]; answers != nil {
				answers <- message
			}
		}
		s.mutex.Unlock()
	}
}

func (s *session) renew(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		answer, err := s.call(&native.ClientMessage{Message: &native.ClientMessage_Renew{Renew: &native.RenewLeaseRequest{}}})
		if err != nil || answer.GetRenewed() == nil {
			return
		}
		s.mutex.Lock()
		s.renewed++
		s.mutex.Unlock()
	}
}

func (s *session) renewals() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.renewed
}

// drop breaks the stream off. The lease, its locks and its waits go on.
func (s *session) drop() { s.cancel() }

// acquire gives its request an id, if it has none, so that it can be sent again.
func (s *session) acquire(request *native.AcquireRequest) (*asked, error) {
	if request.RequestId == "" {
		request.RequestId = fmt.Sprintf("acquire-%d", time.Now().UnixNano())
	}
	return s.ask(&native.ClientMessage{Message: &native.ClientMessage_Acquire{Acquire: request}})
}

func (s *session) release(token uint64) (*native.ServerMessage, error) {
	request := &native.ReleaseRequest{Token: token, RequestId: fmt.Sprintf("release-%d", time.Now().UnixNano())}
	return s.call(&native.ClientMessage{Message: &native.ClientMessage_Release{Release: request}})
}
