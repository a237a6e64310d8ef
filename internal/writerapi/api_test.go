package writerapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/amendhq/amend"
)

// TestStatusesAreTakenBack: a kind that went out as a bare status comes back as
// the same kind.
func TestStatusesAreTakenBack(t *testing.T) {
	for _, k := range []amend.Kind{amend.Invalid, amend.NotFound, amend.Refused, amend.Conflict, amend.Transient, amend.Internal} {
		if got := kindOf(statusOf(k)); got != k {
			t.Errorf("%s → %d → %s", k, statusOf(k), got)
		}
		if !known(k) {
			t.Errorf("the client does not know %s", k)
		}
	}
	if got := kindOf(http.StatusUnauthorized); got != amend.Refused {
		t.Errorf("401 → %s", got)
	}
}

// FuzzDecodeStrict: what is taken is one object with nothing but what was asked
// for, so writing it gives the same request again.
func FuzzDecodeStrict(f *testing.F) {
	for _, s := range []string{
		`{"event":"e30="}`, `{"event":null}`, `{"Event":"e30="}`, `{"event":"e30=","event":"e30="}`, `{"event":"e30="}{}`,
		`null`, `[]`, `{"event":[1,2]}`, "{\"event\":\"e3\\n0=\"}", `{"commit":"x"}`, "\xff", `{"event":"e30="} `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var q, again eventRequest
		if err := decodeStrict(bytes.NewReader(data), &q); err != nil {
			if amend.KindOf(err) != amend.Invalid {
				t.Fatalf("%q: %v is not the sender's fault", data, err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q was taken and is no JSON", data)
		}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeStrict(bytes.NewReader(text), &again); err != nil || q.Event != again.Event {
			t.Fatalf("%q → %q → %q, %v", data, text, again.Event, err)
		}
	})
}
