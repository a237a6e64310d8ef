package steps

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/message"
)

// maxDocument bounds the files that steps read.
const maxDocument = 8 << 20

// event returns the event that the step is about, and the form it travels in.
func (s *step) event() (packed string, e amend.Event, err error) {
	packed = os.Getenv(EventEnv)
	if s.eventFile != "" {
		data, err := s.read(s.eventFile)
		if err != nil {
			return "", amend.Event{}, err
		}
		packed = base64.StdEncoding.EncodeToString(data)
	}
	if packed == "" {
		return "", amend.Event{}, amend.Errorf(amend.Invalid, "read event", "$%s is empty and there is no --event-file", EventEnv)
	}
	e, err = alert.Unpack(packed)
	return packed, e, err
}

// read returns the content of a file or of standard input.
func (s *step) read(name string) ([]byte, error) {
	in := s.cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "read file", "%w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read file", "%w", err)
	}
	if len(data) > maxDocument {
		return nil, amend.Errorf(amend.Invalid, "read file", "%s is longer than %d bytes", name, maxDocument)
	}
	return data, nil
}

// readIn reads the document that an earlier step wrote, which has no field that
// this version does not know.
func (s *step) readIn(into any) error {
	data, err := s.read(s.in)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return amend.Errorf(amend.Invalid, "read "+s.in, "%w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return amend.Errorf(amend.Invalid, "read "+s.in, "the file goes on after its document")
	}
	return nil
}

// write hands a document to the next step and says in one line what it is. The
// line goes where the document does not.
func (s *step) write(document any, format string, args ...any) error {
	var b bytes.Buffer
	if err := cli.PrintJSON(&b, document); err != nil {
		return err
	}
	lines := s.cmd.OutOrStdout()
	if s.out == "-" {
		if _, err := lines.Write(b.Bytes()); err != nil {
			return amend.Errorf(amend.Internal, "print", "%w", err)
		}
		lines = s.cmd.ErrOrStderr()
	} else if err := cli.WriteFile(s.out, b.Bytes(), 0o644); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(lines, format+"\n", args...); err != nil {
		return amend.Errorf(amend.Internal, "print", "%w", err)
	}
	return nil
}

// decided ends a step with a decision: its document, a line for people and, when
// a person has to look, the exit code that says so. An alert that no playbook is
// for is nobody's trouble; a request that nobody answers is.
func (s *step) decided(d amend.Decision) error {
	if err := s.write(d, "%s", message.Decided(d)); err != nil {
		return err
	}
	if !d.Refused() || d.Reason == amend.ReasonNoPlaybook && s.request.isZero() {
		return nil
	}
	return amend.Refusef(d.Reason, "%s", message.Plain(d.Detail, 1000))
}
