package app

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// overviewAnswer is what the tests look at.
type overviewAnswer struct {
	Pending      int `json:"pending"`
	BreakersOpen int `json:"breakers_open"`
	Webhooks     struct {
		Active int `json:"active"`
		Paused int `json:"paused"`
	} `json:"webhooks"`
	Disk struct {
		Free    uint64 `json:"free_bytes"`
		Reserve uint64 `json:"reserve_bytes"`
		Storage uint64 `json:"storage_bytes"`
	} `json:"disk"`
	Series struct {
		Accepted []*int `json:"events_accepted"`
	} `json:"series"`
	Worst []struct {
		WebhookID string `json:"webhook_id"`
		LastHour  struct {
			Failures int `json:"failures"`
		} `json:"last_hour"`
	} `json:"worst"`
}

// overview asks for the overview as an administrator of all clients.
func (w *world) overview() (o overviewAnswer) {
	w.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"scope": "admin", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(virtualSecret))
	if err != nil {
		w.t.Fatal(err)
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI("http://astrohook/api/overview")
	req.Header.Set("Authorization", "Bearer "+token)
	if err := w.client.DoTimeout(req, resp, 20*time.Second); err != nil || resp.StatusCode() != 200 {
		w.t.Fatal(err, resp.StatusCode(), string(resp.Body()))
	}
	if err := json.Unmarshal(resp.Body(), &o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// TestOverviewOfServer: a webhook whose receiver is down stands first among many soon after it
// failed, and after a restart.
func TestOverviewOfServer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.receiver(81, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) })
		w.receiver(82, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(500) })
		for range 20 {
			w.register(81, "")
		}
		dead := w.register(82, `,"circuit_breaker":{"failures":2}`)
		paused := w.register(81, `,"status":"paused"`)
		for range 5 {
			w.publish()
		}
		for range 2 {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			o := w.overview()
			if o.Pending != 10 || o.BreakersOpen != 1 || o.Webhooks.Active != 21 || o.Webhooks.Paused != 1 {
				t.Errorf("%+v", o)
			}
			if o.Disk.Free == 0 || o.Disk.Reserve == 0 || o.Disk.Storage == 0 {
				t.Errorf("of the disk: %+v", o.Disk)
			}
			if len(o.Worst) != 2 || o.Worst[0].WebhookID != dead || o.Worst[1].WebhookID != paused {
				t.Errorf("the worst are %v, want %s and %s", o.Worst, dead, paused)
			}
			if h := o.Worst[0].LastHour; h.Failures < 2 {
				t.Errorf("of its last hour is known: %+v", h)
			}
			if n := len(o.Series.Accepted); n == 0 || o.Series.Accepted[0] == nil {
				t.Errorf("of the last minutes is known: %+v", o.Series)
			}
			w.restart()
		}
	})
}
