package approval

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// The frame of a mark. A comment in Markdown is not shown to readers.
const (
	markBegin = "<!-- amend-approvals: "
	markEnd   = " -->"
)

// maxMark bounds what is decoded of one mark, in bytes.
const maxMark = 16 << 10

// Mark writes entries as the last line of a comment on a pull request. Whoever
// may write to the repository can edit comments, so a mark is authenticated: it
// holds for the one scope, such as owner/name#12, and for who has the key.
func Mark(key []byte, scope string, entries []Entry) (string, error) {
	payload, err := json.Marshal(entries)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return markBegin + enc.EncodeToString(payload) + "." + enc.EncodeToString(seal(key, scope, payload)) + markEnd, nil
}

// Unmark returns the entries of a comment, none if it has no mark of this key
// and scope as its last line.
func Unmark(key []byte, scope, comment string) []Entry {
	comment = strings.TrimRight(comment, "\r\n ")
	line, framed := strings.CutPrefix(comment[strings.LastIndexByte(comment, '\n')+1:], markBegin)
	line, ended := strings.CutSuffix(line, markEnd)
	body, mac, both := strings.Cut(line, ".")
	if !framed || !ended || !both || len(line) > maxMark {
		return nil
	}
	enc := base64.RawURLEncoding.Strict()
	payload, err := enc.DecodeString(body)
	if err != nil {
		return nil
	}
	sum, err := enc.DecodeString(mac)
	if err != nil || !hmac.Equal(sum, seal(key, scope, payload)) {
		return nil
	}
	var entries []Entry
	if json.Unmarshal(payload, &entries) != nil {
		return nil
	}
	return entries
}

func seal(key []byte, scope string, payload []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("amend approvals v1\x00" + scope + "\x00"))
	mac.Write(payload)
	return mac.Sum(nil)
}
