package forge_test

import (
	"encoding/base64"
	"errors"
)

func basic(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
}

func asError[E error](err error, target *E) bool { return errors.As(err, target) }
