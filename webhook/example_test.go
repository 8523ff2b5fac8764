package webhook_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
	"github.com/corpastro/astrohook/webhook/signing"
)

// A delivery's id contains its event's and its endpoint's number, so that each is found
// from the other without an index.
func ExampleKind() {
	event := webhook.ID{Seq: webhook.SeqAt(time.Date(2025, 5, 17, 10, 30, 45, 0, time.UTC)), Nonce: 7}
	delivery := event.For(3)
	fmt.Println(webhook.EventID.Format(event))
	fmt.Println(webhook.DeliveryID.Format(delivery))

	parsed, err := webhook.DeliveryID.Parse(webhook.DeliveryID.Format(delivery))
	fmt.Println(parsed.Event() == event, parsed.Endpoint, parsed.Time().Format(time.RFC3339), err)

	_, err = webhook.EventID.Parse("evt_nonsense")
	fmt.Println(errors.Is(err, webhook.ErrNotFound))
	// Output:
	// evt_35pxsfa0g0000000000000000w
	// whd_35pxsfa0g0000000001g00000w
	// true 3 2025-05-17T10:30:45Z <nil>
	// true
}

// Values never fall, even if the clock steps back.
func ExampleSequence() {
	var sequence webhook.Sequence
	noon := time.Date(2025, 5, 17, 12, 0, 0, 0, time.UTC)
	first := sequence.Next(noon)
	second := sequence.Next(noon.Add(-time.Hour))
	fmt.Println(second - first)
	// Output: 1
}

func ExampleMatchType() {
	for _, pattern := range []string{"user.created", "user.*", "*", "order.*"} {
		fmt.Println(pattern, webhook.MatchType(pattern, "user.created"))
	}
	// Output:
	// user.created true
	// user.* true
	// * true
	// order.* false
}

// An index looks up the few patterns of a type, rather than matching all patterns there are.
func ExampleAppendPatterns() {
	fmt.Println(webhook.AppendPatterns(nil, "user.plan.changed"))
	// Output: [user.plan.changed user.plan.* user.* *]
}

// An attempt decides what becomes of its delivery: here a failure, a wait, and a success.
func ExampleDelivery_Attempted() {
	began := time.Date(2025, 5, 17, 12, 0, 0, 0, time.UTC)
	policy := webhook.RetryPolicy{MaxAttempts: 5, Initial: 30 * time.Second, Multiplier: 2, MaxDelay: time.Hour}
	delivery := webhook.Delivery{Status: webhook.Queued}

	delivery = delivery.Attempted(webhook.Attempt{At: began, Duration: time.Second, StatusCode: 500}, policy, 0)
	fmt.Println(delivery.Status, delivery.Reason, delivery.NextAttemptAt.Time().Format(time.TimeOnly))

	delivery = delivery.Attempted(webhook.Attempt{At: began.Add(31 * time.Second), StatusCode: 204}, policy, 0)
	fmt.Println(delivery.Status, delivery.Attempts, "attempts")
	// Output:
	// retrying http_5xx 12:00:31
	// delivered 2 attempts
}

// The outcome of an attempt has a reason for the API, the logs and the metrics, and words
// for people.
func ExampleAttempt_Outcome() {
	for _, attempt := range []webhook.Attempt{
		{StatusCode: 200},
		{StatusCode: 410},
		{StatusCode: 503},
		{Failure: webhook.ReasonTLSExpired, Detail: "it expired on 2025-05-01"},
	} {
		outcome := attempt.Outcome()
		fmt.Printf("%v %v %q %q\n", outcome.Verdict == webhook.Success, outcome.SlowDown, outcome.Reason, attempt.Message())
	}
	// Output:
	// true false "" ""
	// false false "gone" "the receiver answered 410 Gone; the webhook was disabled"
	// false true "http_5xx" "the receiver failed"
	// false false "tls_expired" "the receiver's certificate has expired or is not valid yet: it expired on 2025-05-01"
}

// The waits of the default policy, without jitter.
func ExampleRetryPolicy_Delay() {
	policy := webhook.DefaultSettings().Retry
	for n := 1; n < policy.MaxAttempts; n++ {
		fmt.Println(policy.Delay(n, 0))
	}
	// Output:
	// 30s
	// 1m0s
	// 2m0s
	// 4m0s
}

func ExampleParseRetryAfter() {
	now := time.Date(2025, 5, 17, 10, 30, 0, 0, time.UTC)
	for _, value := range []string{"120", "Sat, 17 May 2025 10:31:00 GMT", "999999999", "soon"} {
		fmt.Println(webhook.ParseRetryAfter(value, now))
	}
	// Output:
	// 2m0s true
	// 1m0s true
	// 24h0m0s true
	// 0s false
}

func ExampleParseDuration() {
	for _, text := range []string{"1w2d", "1.5d", "90s", "7 days"} {
		fmt.Println(webhook.ParseDuration(text))
	}
	// Output:
	// 216h0m0s <nil>
	// 36h0m0s <nil>
	// 1m30s <nil>
	// 0s "7 days" is not a duration such as 30s, 15m, 12h, 7d or 1w2d
}

// A leap second is the instant that follows it.
func ExampleParseTime() {
	for _, text := range []string{"2025-05-17T12:30:45.5+02:00", "1990-12-31T23:59:60Z", "2025-05-17 10:30:45Z"} {
		at, err := webhook.ParseTime(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(webhook.FormatTime(at))
	}
	// Output:
	// 2025-05-17T10:30:45.500Z
	// 1991-01-01T00:00:00.000Z
	// not a time as in RFC 3339
}

// The body of an attempt, and the signature that goes with it.
func ExampleAppendBody() {
	data, err := canonicaljson.Append(nil, []byte(`{ "user" : "u1", "plan" : 2.0 }`))
	if err != nil {
		fmt.Println(err)
		return
	}
	sentAt := time.Date(2025, 5, 17, 10, 30, 45, 0, time.UTC)
	id := webhook.ID{Seq: webhook.SeqAt(sentAt)}.For(1)
	body := webhook.AppendBody(nil, id, sentAt, "user.created", data)
	fmt.Printf("%s\n", body)

	signer, err := signing.NewSigner([]signing.Secret{{Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", signer.AppendStandard(nil, sentAt, webhook.DeliveryID.Format(id), body)[:10])
	// Output:
	// {"id":"whd_35pxsfa0g0000000000g000000","timestamp":"2025-05-17T10:30:45.000Z","event_type":"user.created","data":{"user":"u1","plan":2}}
	// v1,dz807x6
}

func ExampleHeadersFor() {
	names := webhook.HeadersFor("X-Acme")
	fmt.Println(names.ID, names.Signature, names.SignatureNext)
	// Output: X-Acme-Webhook-ID X-Acme-Signature X-Acme-Signature-Next
}

// What an endpoint works with: its own settings, else the server's, within the operator's
// ceilings.
func ExampleSettings_Effective() {
	own := webhook.Settings{Timeout: time.Minute, Concurrency: 4}
	most := webhook.Ceilings{Timeout: 20 * time.Second, Rate: 100}
	settings := own.Effective(webhook.DefaultSettings(), most)
	fmt.Println(settings.Timeout, settings.Concurrency, settings.Rate, settings.Retry.MaxAttempts)
	// Output: 20s 4 100 5
}

// Nobody keeps the others out: one holder gets half of the whole, and a second one gets half
// of what the first left.
func ExampleShares() {
	shares := webhook.NewShares(100)
	fmt.Println(shares.Take("first", 50))
	fmt.Println(shares.Take("first", 1))
	fmt.Println(shares.Take("second", 25))
	shares.Give("first", 50)
	fmt.Println(shares.Used())
	// Output:
	// <nil>
	// too much is under way for this caller
	// <nil>
	// 25
}

// A header that would change what a request is, or who seems to have sent it, is refused.
func ExampleCheckCustomHeaders() {
	for _, header := range []webhook.CustomHeader{
		{Name: "Authorization", Value: "Bearer abc"},
		{Name: "Host", Value: "other.example"},
		{Name: "X-Team", Value: "a\r\nHost: other.example"},
	} {
		fmt.Println(webhook.CheckCustomHeaders([]webhook.CustomHeader{header}, webhook.DefaultHeaderPrefix))
	}
	// Output:
	// <nil>
	// headers.Host is a header that Astrohook sets itself
	// headers.X-Team has a value with characters other than visible ASCII and spaces
}

// Two publications are the same event if their data is the same JSON.
func ExampleEvent_Identity() {
	publish := func(text string) [16]byte {
		data, _ := canonicaljson.Append(nil, []byte(text))
		event := webhook.Event{Type: "user.created", Data: data}
		return event.Identity()
	}
	first := publish(`{"id": 7, "name": "Ann"}`)
	fmt.Println(first == publish(`{"name":"Ann","id":7.0}`))
	fmt.Println(first == publish(`{"name":"Ann","id":8}`))
	// Output:
	// true
	// false
}

// An error about a part of a document becomes one about the whole.
func ExampleFieldError_In() {
	err := &webhook.FieldError{Field: "max_attempts", Reason: "must be at least 1"}
	fmt.Println(err.In("retry_policy"))
	fmt.Println(err.In("retry_policy").In("events[3]"))
	// Output:
	// retry_policy.max_attempts must be at least 1
	// events[3].retry_policy.max_attempts must be at least 1
}

// What a delivery waits for while its endpoint's breaker is open.
func ExampleProgress_Of() {
	now := time.Date(2025, 5, 17, 12, 0, 0, 0, time.UTC)
	progress := webhook.Progress{Waiting: webhook.Waiting{For: webhook.WaitBreaker, Until: now.Add(time.Minute)}}
	waiting := progress.Of(&webhook.Delivery{Status: webhook.Queued}, webhook.EndpointActive, now)
	fmt.Println(waiting.For, waiting.Until.Format(time.TimeOnly))
	// Output: breaker 12:01:00
}
