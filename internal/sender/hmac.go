package sender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

// Keys are files with one shared secret each. Any of them may have signed, so
// that a secret can be replaced without a gap; they are read for every post.
type Keys []string

// Check reads every file once. The error is amend.Invalid and names the file.
func (k Keys) Check() error {
	_, err := k.read()
	return err
}

// verify returns the file of the secret with which one of the signatures is the
// HMAC-SHA256 of the parts. Otherwise it fails: with Signature when all secrets could be read, and with
// amend.Transient otherwise, as the one that is missing may be the right one.
func (k Keys) verify(signatures [][]byte, parts ...[]byte) (file string, err error) {
	secrets, err := k.read()
	for _, name := range k { // all, so that the time does not tell which
		s, readable := secrets[name]
		mac := hmac.New(sha256.New, []byte(s))
		for _, p := range parts {
			mac.Write(p)
		}
		sum := mac.Sum(nil)
		for _, given := range signatures {
			if hmac.Equal(given, sum) && readable && file == "" {
				file = name
			}
		}
	}
	switch {
	case file != "":
		return file, nil
	case err != nil:
		return "", amend.Errorf(amend.Transient, "check signature", "%w", err)
	}
	return "", Refusal(Signature)
}

// read returns the secrets that can be read by their file, and why the rest cannot.
func (k Keys) read() (secrets map[string]string, err error) {
	secrets = map[string]string{}
	for _, file := range k {
		s, e := secret.Read(file)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		secrets[file] = s
	}
	return secrets, err
}

// digest reads a SHA-256 in hexadecimal; nil for anything else, which equals no
// signature.
func digest(text string) []byte {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return sum
}
