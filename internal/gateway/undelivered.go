package gateway

import (
	"encoding/json"
	"net/http"

	"github.com/amendhq/amend/internal/alert"
)

// maxUndelivered bounds the body of a report.
const maxUndelivered = 4 << 10

// expectedUndelivered says what undelivered takes.
const expectedUndelivered = `application/json: {"id":"<event id>"}`

// undelivered takes the report of a Sensor that gave an event up: its Workflow
// could not be created, or an older one of the same name is still there. The
// event's next delivery is let through, so Alertmanager's repeats and
// amend step reconcile bring it back; the fold of another replica ends by
// itself after the window.
func (g *Gateway) undelivered(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "" && mediaType(r) != "application/json" {
		writeJSON(w, http.StatusUnsupportedMediaType, problem{Error: "the content type is wrong", Expected: expectedUndelivered})
		return
	}
	var report struct {
		ID string `json:"id"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxUndelivered)).Decode(&report)
	identity, ok := alert.IdentityOf(report.ID)
	if err != nil || !ok {
		writeJSON(w, http.StatusBadRequest, problem{Error: "the body names no event", Expected: expectedUndelivered})
		return
	}
	g.cfg.Folder.Forget(identity)
	g.metrics.undelivered.Inc()
	g.cfg.Log.Warn("an event was not delivered; its next delivery passes", "event", report.ID)
	w.WriteHeader(http.StatusNoContent)
}
