package mask

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The forms of secrets. Go's expressions take time linear in the text, so no
// text can make them slow.

// An expression is compiled when it is first used: most programs that this package
// is linked into mask nothing, and all of them together are a megabyte.
type expression func() *regexp.Regexp

func lazy(text string) expression {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// whole are looked for in a text as a whole, as they may have several lines.
var whole = slices.Concat([]form{
	// A private key in PEM or a key of PGP, on several lines or with \n in one. What
	// follows a beginning without an end belongs to it, and so does what comes before
	// an end without a beginning.
	{hints: []string{"private key"}, with: Masked, is: lazy(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)`)},
	{hints: []string{"private key"}, with: Masked, is: lazy(`(?m)(?:^[ \t>|]*[A-Za-z0-9+/=]{16,}[ \t]*\r?\n)*(?:^[ \t>|]*[A-Za-z0-9+/=]+[ \t]*\r?\n)?[A-Za-z0-9+/=\\]*-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----`)},
	// Who a URL says to be, with or without a password; and the same in the form of
	// Go's driver for MySQL.
	{hints: []string{"://"}, with: "${1}" + Masked + "@", is: lazy(`([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/@"'<>]*:[^\s@"'<>]*|[^\s/@"'<>]+)@`)},
	{hints: []string{"@tcp(", "@unix("}, with: Masked + "${1}", is: lazy(`[\w.-]+:[^\s:@"']+(@(?:tcp|unix)\()`)},
	// A variable as manifests write it, its name and its value by themselves.
	{hide: hidePair, is: pairs[0]},
	{hide: hidePair, is: pairs[1]},
}, formats())

// lines are looked for in each line.
var lines = []form{
	// A line of HTTP that holds credentials up to its end.
	{hints: []string{"authorization", "cookie", "x-"}, hide: hideHeader, is: header},
	{hide: hideNamed, is: named},
	// An option of a command line with its value as the next word.
	{with: "${1}" + Masked, is: lazy(`(?i)(--?[\w-]*(?:` + secretWord + `)[\w-]*[ \t]+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)`)},
	{hints: []string{"bearer", "basic", "digest", "negotiate"}, with: "${1} " + Masked, is: lazy(`(?i)\b(bearer|basic|digest|negotiate)[ \t]+[A-Za-z0-9._~+/=-]{6,}`)},
	{hints: []string{"@"}, with: Masked, is: lazy(`[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)},
}

// secretWord is what names of credentials have in them; see mentions.
const secretWord = `pass[-._]?(?:word|wd|phrase|code)|passwd|\bpwd|_pwd|secret|token|credential|` +
	`(?:api|access|private|signing|encryption|account|shared|master|session)[-._]?key|apikey|` +
	`authorization|\bauth\b|_auth\b|cookie|session[-._]?id|connection[-._]?string|\bdsn\b|_dsn\b|signature|\bsig\b|\bpin\b|\bssn\b`

// aValue is a value in quotes, which may themselves be escaped, or up to white space.
const aValue = `\\+"(?:[^"\\]|\\+[^"\\])*\\+"|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'(){}\[\]]+`

var (
	sensitive = lazy(`(?i)` + secretWord)
	// named is a name that sounds like a credential, its separator, and its value.
	named  = lazy(`(?i)([\w.-]*(?:` + secretWord + `)[\w.-]*(?:\\*["'])?\s{0,4}(?:=>|:=|[:=])[ \t]{0,4})(` + aValue + `)`)
	header = lazy(`(?i)(\b(?:authorization|proxy-authorization|cookie|set-cookie|x-[a-z-]*(?:key|token|auth|secret)[a-z-]*)\b["']?\s*[:=]\s*["'\[]*)[^"'\]]+`)
	// pairs have three groups, of which the second is a value: behind the name of its
	// variable, and before it.
	pairs = []expression{
		lazy(`(?i)(\bname\\*["']?[ \t]*[:=][ \t]*\\*["']?[\w.-]*(?:` + secretWord + `)[\w.-]*\\*["']?[ \t,]+\\*["']?value\\*["']?[ \t]*[:=][ \t]*)(` + aValue + `)()`),
		lazy(`(?i)(\bvalue\\*["']?[ \t]*[:=][ \t]*)(` + aValue + `)([ \t,]+\\*["']?name\\*["']?[ \t]*[:=][ \t]*\\*["']?[\w.-]*(?:` + secretWord + `)[\w.-]*)`),
	}
	quoteOf    = lazy(`^\\*["']`)
	plainValue = lazy(`(?i)^\\*["']?(?:true|false|null|nil|none|yes|no|on|off|\[masked\].*|bearer|basic|[|>][-+0-9]*)?\\*["']?$`)
	card       = lazy(`\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}\b|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b`)
	address    = lazy(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|\[?\b[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4}){2,7}\b\]?`)
)

// formats are the credentials that tell what they are, as their issuers document
// them, each behind letters that all of its kind have.
func formats() []form {
	all := []form{
		{hints: []string{"eyj"}, is: lazy(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`)}, // a JSON Web Token, signed or encrypted
		{hints: []string{"akia"}, is: lazy(`AKIA[A-Z2-7]{16}`)},                                            // AWS
		{hints: []string{"asia"}, is: lazy(`ASIA[A-Z2-7]{16}`)},
		{hints: []string{"absk"}, is: lazy(`ABSK[A-Za-z0-9+/]{40,}={0,2}`)}, // Amazon Bedrock
		{hints: []string{"github_pat_"}, is: lazy(`github_pat_[A-Za-z0-9_]{20,}`)},
		{hints: []string{"hooks.slack.com/"}, is: lazy(`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}`)},
		{hints: []string{"/webhooks/"}, is: lazy(`discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+`)},
		{hints: []string{".webhook.office.com"}, is: lazy(`[a-z0-9.-]+\.webhook\.office\.com/[A-Za-z0-9@/_-]+`)},
		{hints: []string{"xapp-"}, is: lazy(`xapp-[0-9]-[A-Za-z0-9-]{10,}`)},
		{hints: []string{"aiza"}, is: lazy(`AIza[A-Za-z0-9_-]{35}`)}, // Google
		{hints: []string{"ya29."}, is: lazy(`ya29\.[A-Za-z0-9_-]{20,}`)},
		{hints: []string{"gocspx-"}, is: lazy(`GOCSPX-[A-Za-z0-9_-]{20,}`)},
		{hints: []string{"k_live_"}, is: lazy(`[sr]k_live_[A-Za-z0-9]{16,}`)}, // Stripe
		{hints: []string{"k_test_"}, is: lazy(`[sr]k_test_[A-Za-z0-9]{16,}`)},
		{hints: []string{"whsec_"}, is: lazy(`whsec_[A-Za-z0-9+/=]{16,}`)},
		{hints: []string{"sk-"}, is: lazy(`sk-[A-Za-z0-9_-]{20,}`)}, // OpenAI, Anthropic and others that took over the form
		{hints: []string{"hf_"}, is: lazy(`hf_[A-Za-z0-9]{30,}`)},   // Hugging Face
		{hints: []string{"gsk_"}, is: lazy(`gsk_[A-Za-z0-9]{40,}`)}, // Groq
		{hints: []string{"npm_"}, is: lazy(`npm_[A-Za-z0-9]{36}`)},
		{hints: []string{"pypi-"}, is: lazy(`pypi-[A-Za-z0-9_-]{16,}`)},
		{hints: []string{"rubygems_"}, is: lazy(`rubygems_[a-f0-9]{48}`)},
		{hints: []string{"dckr_"}, is: lazy(`dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}`)}, // Docker Hub
		{hints: []string{".atlasv1."}, is: lazy(`[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}`)},
		{hints: []string{"sg."}, is: lazy(`SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`)}, // SendGrid
		{hints: []string{"sk"}, is: lazy(`SK[0-9a-f]{32}`)},                              // Twilio
		{hints: []string{"key-"}, is: lazy(`key-[0-9a-z]{32}`)},                          // Mailgun
		{hints: []string{"dapi"}, is: lazy(`dapi[a-f0-9]{32}`)},                          // Databricks
		{hints: []string{"glsa_"}, is: lazy(`glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}`)},      // Grafana
		{hints: []string{"glc_"}, is: lazy(`glc_[A-Za-z0-9+/]{32,}={0,2}`)},
		{hints: []string{"nrak-"}, is: lazy(`NRAK-[A-Z0-9]{27}`)},           // New Relic
		{hints: []string{"atatt3"}, is: lazy(`ATATT3[A-Za-z0-9_=-]{40,}`)},  // Atlassian
		{hints: []string{"lin_api_"}, is: lazy(`lin_api_[A-Za-z0-9]{32,}`)}, // Linear
		{hints: []string{"secret_"}, is: lazy(`secret_[A-Za-z0-9]{43}`)},    // Notion
		{hints: []string{"age-secret-key-1"}, is: lazy(`AGE-SECRET-KEY-1[A-Z0-9]{58}`)},
		{hints: []string{":aa"}, is: lazy(`[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}`)},                // Telegram
		{hints: []string{"key="}, is: lazy(`(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]+`)}, // Azure
		{hints: []string{"8q~"}, is: lazy(`[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}`)},
		{hints: []string{"pmak-"}, is: lazy(`PMAK-[a-f0-9]{24}-[a-f0-9]{34}`)}, // Postman
	}
	for _, family := range []struct{ prefixes, rest string }{
		{"ghp_ gho_ ghu_ ghs_ ghr_", `[A-Za-z0-9_]{20,}`},                                                        // GitHub
		{"glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-", `[A-Za-z0-9_.-]{20,}`}, // GitLab
		{"xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", `[A-Za-z0-9-]{10,}`},                                       // Slack
		{"hvs. hvb. hvr.", `[A-Za-z0-9_-]{20,}`},                                                                 // HashiCorp Vault
		{"dop_v1_ doo_v1_ dor_v1_", `[a-f0-9]{64}`},                                                              // DigitalOcean
		{"shpat_ shpca_ shppa_ shpss_", `[a-fA-F0-9]{32}`},                                                       // Shopify
		{"sntryu_ sntrys_", `[A-Za-z0-9+/=_-]{40,}`},                                                             // Sentry
		{"dt0c01. dt0s01. dt0s16.", `[A-Z0-9]{24}\.[A-Z0-9]{64}`},                                                // Dynatrace
	} {
		for prefix := range strings.FieldsSeq(family.prefixes) {
			all = append(all, form{hints: []string{prefix}, is: lazy(regexp.QuoteMeta(prefix) + family.rest)})
		}
	}
	for i := range all {
		all[i].with = Masked
	}
	return all
}
