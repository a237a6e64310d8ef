package mask

import "testing"

// FuzzMentions asks that words are found exactly where the expression finds them.
func FuzzMentions(f *testing.F) {
	for _, s := range []string{
		"", "token", "a TOKEN b", "passport", "pass-word", "pass_.word", "passcode", "PASSWD", "key", "api.key", "api--key", "apiKey", "sessionkey", "session_id", "session",
		"connectionString", "connection string", "pwd", "xpwd", "x_pwd", "pwdx", "auth", "author", "x_auth", "x_authx", "-auth-", "dsn", "dsns", "sig", "design", "sig:", "pin", "ping",
		"pinpin pin", "mapping ssn", "authauth auth", "keykey access-key", "tokeſ \u017fecret", "to\u212aen", "\u212apwd", "İpin", "éauth", "auth\xff", "\xffpin\xff", "A\u030Apin",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := mentions(s), sensitive().MatchString(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	})
}
