package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/amendhq/amend/internal/alert"
)

// maxUndelivered bounds the body of a report.
const maxUndelivered = 4 << 10

// expectedUndelivered says what undelivered takes.
const expectedUndelivered = `application/json: {"id":"<event id>"}`

// reportedForm is what Sensors report by: the id of an alert's event, the uid of
// a RemediationRequest, or the commit of a merge.
var reportedForm = regexp.MustCompile(`^[a-z0-9.-]{1,63}$`)

// undelivered takes the report of a Sensor that gave an event up: its Workflow
// could not be created, or an older one of the same name is still there. The
// event's next delivery is let through, so Alertmanager's repeats and
// amend-step reconcile bring it back; the fold of another replica ends by
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
	if err != nil || !reportedForm.MatchString(report.ID) {
		writeJSON(w, http.StatusBadRequest, problem{Error: "the body names no event", Expected: expectedUndelivered})
		return
	}
	// Only alerts come again by themselves; of the others the log line is left.
	if identity, ok := alert.IdentityOf(report.ID); ok {
		g.cfg.Folder.Forget(identity)
	}
	g.metrics.undelivered.Inc()
	g.cfg.Log.Warn("a Sensor gave an event up; if it is an alert, its next delivery passes", "event", report.ID)
	w.WriteHeader(http.StatusNoContent)
}
