package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

var errDisk = errors.New("disk")

// brokenStore is a store in memory that fails in the named method. Its webhooks can be
// forgotten, as their last traces are when their deliveries are gone.
type brokenStore struct {
	*memstore.Store
	broken    string
	forgotten webhook.EndpointNumber
}

func (s *brokenStore) fails(method string) error {
	if s.broken == method {
		return errDisk
	}
	return nil
}

func (s *brokenStore) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if n == s.forgotten {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	if err := s.fails("Endpoint"); err != nil {
		return webhook.Endpoint{}, err
	}
	return s.Store.Endpoint(ctx, n)
}

func (s *brokenStore) CreateJob(ctx context.Context, j bulk.Job) (webhook.ID, error) {
	if err := s.fails("CreateJob"); err != nil {
		return webhook.ID{}, err
	}
	return s.Store.CreateJob(ctx, j)
}

func (s *brokenStore) UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error) {
	if err := s.fails("UpdateJob"); err != nil {
		return bulk.Job{}, err
	}
	return s.Store.UpdateJob(ctx, id, change)
}

func (s *brokenStore) Job(ctx context.Context, id webhook.ID) (bulk.Job, error) {
	if err := s.fails("Job"); err != nil {
		return bulk.Job{}, err
	}
	return s.Store.Job(ctx, id)
}

func (s *brokenStore) ListJobs(ctx context.Context, q bulk.Query) (bulk.Page, error) {
	if err := s.fails("ListJobs"); err != nil {
		return bulk.Page{}, err
	}
	return s.Store.ListJobs(ctx, q)
}

// acme and globex are callers that see a client's webhooks each.
var acme, globex = &auth.Principal{ClientID: "acme", Publisher: "client:acme"}, &auth.Principal{ClientID: "globex", Publisher: "client:globex"}

// scene is the calls on a store in memory.
type scene struct {
	*Jobs
	store    *brokenStore
	woken    int   // how often jobs were to be looked at
	counting int   // calls that count at present
	busy     error // why no call may count
}

func inScene(t *testing.T, test func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{store: &brokenStore{Store: memstore.Open(memstore.Options{})}}
		defer func() { _ = s.store.Close() }()
		cursors, err := paging.Open(s.store)
		if err != nil {
			t.Fatal(err)
		}
		s.Jobs = New(Options{
			Store: s.store, Sequence: &webhook.Sequence{}, Cursors: cursors,
			Call: func() (context.Context, context.CancelFunc) { return t.Context(), func() {} },
			Begin: func(*auth.Principal) (func(), error) {
				s.counting++
				return func() { s.counting-- }, s.busy
			},
			Show: func(_ context.Context, list []webhook.Delivery) ([]view.Delivery, error) {
				return make([]view.Delivery, len(list)), nil
			},
			Health: func(context.Context, webhook.EndpointNumber) (webhook.Health, error) {
				return webhook.Health{}, s.store.fails("Health")
			},
			Settings: func(*webhook.Endpoint) webhook.Settings { return webhook.DefaultSettings() },
			Wake:     func() { s.woken++ },
		})
		test(t, s)
	})
}

// register stores a webhook of a client and returns its ID.
func (s *scene) register(t *testing.T, client string) string {
	t.Helper()
	e, err := s.store.CreateEndpoint(t.Context(), webhook.Endpoint{
		ID: webhook.ID{Seq: s.options.Sequence.Next(time.Now())}, ClientID: client, EventTypes: []string{"*"}, Status: webhook.EndpointActive,
	})
	if err != nil {
		t.Fatal(err)
	}
	return webhook.EndpointID.Format(e.ID)
}

// call answers a request with a body, a query, and an ID in its path.
func call(handler func(*fasthttp.RequestCtx, *auth.Principal) error, who *auth.Principal, body, query, id string) (map[string]any, error) {
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/x?" + query)
	ctx.Request.SetBodyString(body)
	ctx.SetUserValue("id", id)
	if err := handler(&ctx, who); err != nil {
		return nil, err
	}
	var out map[string]any
	err := json.Unmarshal(ctx.Response.Body(), &out)
	out["code"] = ctx.Response.StatusCode()
	return out, err
}

// create makes a job and returns its ID.
func (s *scene) create(t *testing.T, who *auth.Principal, webhookID string) string {
	t.Helper()
	got, err := call(s.Create, who, `{"action":"cancel","webhook_id":"`+webhookID+`"}`, "", "")
	if err != nil || got["code"] != 201 || got["status"] != "running" || got["webhook_id"] != webhookID || got["total"] != 0.0 {
		t.Fatalf("%v, %v", got, err)
	}
	return fmt.Sprint(got["id"])
}

// answer returns the body of an answer.
func answer(t *testing.T, v any) string {
	t.Helper()
	var ctx fasthttp.RequestCtx
	if err := exchange.Answer(&ctx, 200, v); err != nil {
		t.Fatal(err)
	}
	return string(ctx.Response.Body())
}

// TestCreateFails: a job that is not made is not looked at, and nothing is counted any more.
func TestCreateFails(t *testing.T) {
	busy := errors.New("busy")
	for _, c := range []struct {
		broken string
		busy   error
		want   error
	}{
		{"Endpoint", nil, errDisk}, {"Health", nil, errDisk}, {"CreateJob", nil, errDisk}, {"", busy, busy},
	} {
		inScene(t, func(t *testing.T, s *scene) {
			id := s.register(t, "acme")
			s.store.broken, s.busy = c.broken, c.busy
			_, err := call(s.Create, acme, `{"action":"replay","webhook_id":"`+id+`"}`, "", "")
			if !errors.Is(err, c.want) || s.woken != 0 || s.counting != 0 && c.busy == nil {
				t.Errorf("%s: %v, woken %d times, %d counts", c.broken, err, s.woken, s.counting)
			}
			if page, err := s.store.Store.ListJobs(t.Context(), bulk.Query{Limit: 1}); len(page.Jobs) != 0 || err != nil {
				t.Errorf("%s: %v, %v", c.broken, page.Jobs, err)
			}
		})
	}
}

// TestOneJobAtATime: a second job of a webhook is refused with the name of the first; another
// webhook has its own.
func TestOneJobAtATime(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		id := s.register(t, "acme")
		first := s.create(t, acme, id)
		body := `{"action":"retry","webhook_id":"` + id + `"}`
		if _, err := call(s.Create, acme, body, "", ""); !errors.Is(err, webhook.ErrConflict) || !strings.Contains(answer(t, err), first) {
			t.Errorf("a second one: %v", err)
		}
		if got, err := call(s.Create, acme, `{"dry_run":true,`+body[1:], "", ""); err != nil || got["count"] != 0.0 || got["count_is_exact"] != true {
			t.Errorf("counting meanwhile: %v, %v", got, err)
		}
		s.create(t, acme, s.register(t, "acme"))
		if _, err := call(s.Cancel, acme, "", "", first); err != nil {
			t.Error(err)
		}
		s.create(t, acme, id)
		if s.woken != 4 {
			t.Errorf("jobs were looked at %d times after 4 changes", s.woken)
		}
	})
}

// TestOthersJobs: another client's job and webhook are not found, whatever is asked.
func TestOthersJobs(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		id := s.register(t, "acme")
		job := s.create(t, acme, id)
		s.woken = 0
		for name, handler := range map[string]func(*fasthttp.RequestCtx, *auth.Principal) error{
			"get": s.Get, "pause": s.Pause, "resume": s.Resume, "cancel": s.Cancel,
		} {
			for _, c := range []struct {
				who *auth.Principal
				id  string
			}{{globex, job}, {&auth.Principal{}, job}, {acme, ""}, {acme, id}, {acme, job[:len(job)-1]}, {acme, strings.ToUpper(job)}} {
				if got, err := call(handler, c.who, "", "", c.id); !errors.Is(err, webhook.ErrNotFound) {
					t.Errorf("%s %q for %q: %v, %v", name, c.id, c.who.ClientID, got, err)
				}
			}
		}
		for _, query := range []string{"webhook_id=" + id, "webhook_id=wh_0", "webhook_id=" + job} {
			if _, err := call(s.List, globex, "", query, ""); err == nil || !strings.HasPrefix(err.Error(), "webhook_id names no webhook") {
				t.Errorf("%s: %v", query, err)
			}
		}
		if got, err := call(s.List, globex, "", "", ""); err != nil || fmt.Sprint(got["data"]) != "[]" {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := call(s.Get, acme, "", "", job); err != nil || got["status"] != "running" || s.woken != 0 {
			t.Errorf("the job is %v, %v, woken %d times", got, err, s.woken)
		}
	})
}

// TestListOfJobs: pages, newest first, are together the whole list; a cursor is good for its
// own list only; a webhook that is forgotten is shown by its number.
func TestListOfJobs(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		var want []string
		for range 5 {
			time.Sleep(time.Millisecond)
			want = append([]string{s.create(t, acme, s.register(t, "acme"))}, want...)
			s.create(t, globex, s.register(t, "globex"))
		}
		if _, err := call(s.Pause, acme, "", "", want[0]); err != nil {
			t.Fatal(err)
		}
		s.store.forgotten = 1
		var got, webhooks []string
		first, query := "", "limit=2"
		for pages := 1; query != ""; pages++ {
			page, err := call(s.List, acme, "", query, "")
			data, ok := page["data"].([]any)
			if err != nil || !ok || pages > 5 {
				t.Fatalf("%v, %v", page, err)
			}
			for _, one := range data {
				job, _ := one.(map[string]any)
				got, webhooks = append(got, fmt.Sprint(job["id"])), append(webhooks, fmt.Sprint(job["webhook_id"]))
			}
			query = ""
			if next, more := page["next_cursor"].(string); more {
				query, first = "limit=2&cursor="+next, next
			}
		}
		if !slices.Equal(got, want) || webhooks[4] != webhook.EndpointID.Format(webhook.ID{Endpoint: 1}) {
			t.Errorf("%v of %v, want %v", got, webhooks, want)
		}
		for _, query := range []string{"status=running&cursor=" + first, "webhook_id=" + webhooks[0] + "&cursor=" + first, "cursor=x"} {
			if _, err := call(s.List, acme, "", query, ""); !errors.Is(err, paging.ErrCursor) {
				t.Errorf("%s: %v", query, err)
			}
		}
		for query, n := range map[string]int{"status=paused": 1, "status=running": 4, "status=done": 0, "webhook_id=" + webhooks[1]: 1} {
			page, err := call(s.List, acme, "", query, "")
			if data, _ := page["data"].([]any); err != nil || len(data) != n {
				t.Errorf("%s: %v, %v", query, page, err)
			}
		}
	})
}

// TestChanges: a job that runs or is paused can be changed, also twice in the same way; one
// that has finished cannot, and keeps the time at which it did.
func TestChanges(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		id := s.create(t, acme, s.register(t, "acme"))
		for _, step := range []struct {
			call   func(*fasthttp.RequestCtx, *auth.Principal) error
			status string // "" if it is refused
		}{
			{s.Resume, "running"},
			{s.Pause, "paused"},
			{s.Pause, "paused"},
			{s.Resume, "running"},
			{s.Pause, "paused"},
			{s.Cancel, "cancelled"},
			{s.Cancel, ""},
			{s.Pause, ""},
			{s.Resume, ""},
		} {
			time.Sleep(time.Second)
			woken := s.woken
			got, err := call(step.call, acme, "", "", id)
			if step.status == "" {
				p, ok := errors.AsType[*problem.Problem](err)
				if !ok || p.Status != 409 || p.Detail != "the job has finished" || s.woken != woken {
					t.Errorf("%v, %v", got, err)
				}
				continue
			}
			if err != nil || got["status"] != step.status || s.woken != woken+1 || (got["finished_at"] != nil) != (step.status == "cancelled") {
				t.Errorf("%s: %v, %v", step.status, got, err)
			}
		}
		if got, err := call(s.Get, acme, "", "", id); err != nil || got["status"] != "cancelled" || got["finished_at"] != "2000-01-01T00:00:06.000Z" {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestCallsStoreFails: an error of storage is the call's, and wakes nobody.
func TestCallsStoreFails(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		id := s.create(t, acme, s.register(t, "acme"))
		s.woken = 0
		for _, c := range []struct {
			broken string
			call   func(*fasthttp.RequestCtx, *auth.Principal) error
		}{
			{"Job", s.Get}, {"Endpoint", s.Get}, {"ListJobs", s.List}, {"Endpoint", s.List}, {"UpdateJob", s.Pause}, {"UpdateJob", s.Cancel},
		} {
			s.store.broken = c.broken
			if got, err := call(c.call, acme, "", "", id); !errors.Is(err, errDisk) || s.woken != 0 {
				t.Errorf("%s: %v, %v", c.broken, got, err)
			}
		}
	})
}
