package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

// Auth says who may post and read. The zero value lets everybody in, which
// CheckListen allows on a loopback address only.
//
// Secrets are in files and read again for every request, so a rotated file
// counts at once; with two token files both tokens work during a rotation.
type Auth struct {
	// TokenFiles each hold one bearer token.
	TokenFiles []string
	// User and PasswordFile are for basic authentication.
	User         string
	PasswordFile string
	// Accounts, unless nil, may show a token of their own. They do not count as
	// being asked, so a token file or password is needed beside them.
	Accounts *Accounts
}

// Enabled reports whether a request needs to prove who sent it.
func (a Auth) Enabled() bool { return len(a.TokenFiles) > 0 || a.PasswordFile != "" }

// Check reads every file once, so that a wrong configuration is found at the
// start. The error is amend.Invalid and names the file, never its content.
func (a Auth) Check() error {
	if (a.User == "") != (a.PasswordFile == "") {
		return amend.Errorf(amend.Invalid, "check auth", "basic authentication needs both a user and a password file")
	}
	_, _, err := a.secrets()
	return err
}

// CheckListen fails with amend.Invalid when addr (host:port) can be reached
// from other machines and nobody is asked for a token or password.
func CheckListen(addr string, auth Auth) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return amend.Errorf(amend.Invalid, "check listen address", "%w", err)
	}
	if auth.Enabled() || loopback(host) {
		return nil
	}
	return amend.Errorf(amend.Invalid, "check listen address",
		"%s can be reached from other machines: ask senders for a token (--webhook-token-file) or a password, or listen on 127.0.0.1", addr)
}

// loopback reports whether host names this machine and can name no other.
func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// allows reports whether r proves who sent it, and with which credential: the
// name of the file that holds it, or of an account. An error means that it does
// not prove it with the secrets that can be read now, while others cannot be, or
// that nobody can tell now whose account it is.
//
// Where nobody is asked, a request must at least be meant for this machine: a
// web page whose name was made to resolve to 127.0.0.1 (DNS rebinding) can send
// anything from a browser here, but not another Host than its own.
func (a Auth) allows(r *http.Request) (credential string, ok bool, err error) {
	if !a.Enabled() {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host // without a port
		}
		return "", loopback(host), nil
	}
	tokens, password, err := a.secrets()
	if user, pass, basic := r.BasicAuth(); basic && password != "" && same(user, a.User)&same(pass, password) == 1 {
		credential = a.PasswordFile
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		for _, file := range a.TokenFiles { // all of them, so that time does not tell which
			token, readable := tokens[file]
			if same(given, token) == 1 && readable && credential == "" {
				credential = file
			}
		}
	}
	if credential != "" {
		return credential, true, nil
	}
	if a.Accounts != nil && err == nil && strings.EqualFold(scheme, "Bearer") {
		return a.Accounts.of(r.Context(), given)
	}
	return "", false, err
}

// same compares in a time that depends on neither value, nor on their lengths.
func same(given, want string) int {
	g, w := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:])
}

// secrets returns what can be read, tokens by their file, and why the rest cannot.
func (a Auth) secrets() (tokens map[string]string, password string, err error) {
	tokens = map[string]string{}
	for _, name := range a.TokenFiles {
		token, e := secret.Read(name)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		tokens[name] = token
	}
	if a.PasswordFile != "" {
		var e error
		password, e = secret.Read(a.PasswordFile)
		err = errors.Join(err, e)
	}
	return tokens, password, err
}
