package mask

import (
	"regexp"
	"strings"
)

// formats are the credentials that tell what they are, as their issuers document
// them. Each begins with letters that ordinary text does not have there.
var formats = []string{
	`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`, // a JSON Web Token, signed or encrypted
	`(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}`,              // AWS access key
	`ABSK[A-Za-z0-9+/]{40,}={0,2}`,                                 // Amazon Bedrock key
	`gh[pousr]_[A-Za-z0-9_]{20,}`,                                  // GitHub
	`github_pat_[A-Za-z0-9_]{20,}`,
	`gl[a-z]{2,6}-[A-Za-z0-9_.-]{20,}`, // GitLab
	`xox[abeoprs]-[A-Za-z0-9-]{10,}`,   // Slack
	`xapp-[0-9]-[A-Za-z0-9-]{10,}`,
	`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}`,
	`discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+`,
	`[a-z0-9.-]+\.webhook\.office\.com/[A-Za-z0-9@/_-]+`,
	`AIza[A-Za-z0-9_-]{35}`, // Google
	`ya29\.[A-Za-z0-9_-]{20,}`,
	`GOCSPX-[A-Za-z0-9_-]{20,}`,
	`[sr]k_(?:live|test)_[A-Za-z0-9]{16,}`, // Stripe
	`whsec_[A-Za-z0-9+/=]{16,}`,
	`sk-[A-Za-z0-9_-]{20,}`, // OpenAI, Anthropic and others that took over the form
	`hf_[A-Za-z0-9]{30,}`,   // Hugging Face
	`gsk_[A-Za-z0-9]{40,}`,  // Groq
	`npm_[A-Za-z0-9]{36}`,
	`pypi-[A-Za-z0-9_-]{16,}`,
	`rubygems_[a-f0-9]{48}`,
	`dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}`, // Docker Hub
	`hv[sbr]\.[A-Za-z0-9_-]{20,}`,         // HashiCorp Vault
	`[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}`,
	`SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, // SendGrid
	`SK[0-9a-f]{32}`,                             // Twilio
	`key-[0-9a-z]{32}`,                           // Mailgun
	`do[opr]_v1_[a-f0-9]{64}`,                    // DigitalOcean
	`dapi[a-f0-9]{32}`,                           // Databricks
	`glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}`,        // Grafana
	`glc_[A-Za-z0-9+/]{32,}={0,2}`,
	`NRAK-[A-Z0-9]{27}`,                              // New Relic
	`dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}`,   // Dynatrace
	`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`,             // Shopify
	`ATATT3[A-Za-z0-9_=-]{40,}`,                      // Atlassian
	`lin_api_[A-Za-z0-9]{32,}`,                       // Linear
	`secret_[A-Za-z0-9]{43}`,                         // Notion
	`AGE-SECRET-KEY-1[A-Z0-9]{58}`,                   // age
	`[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}`,               // Telegram
	`(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]+`, // Azure
	`[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}`,
	`PMAK-[a-f0-9]{24}-[a-f0-9]{34}`, // Postman
	`sntr(?:yu|ys)_[A-Za-z0-9+/=_-]{40,}`,
	`(?:EAACEdEose0cBA|EAA)[A-Za-z0-9]{60,}`, // Facebook
}

// known is any of them.
var known = regexp.MustCompile(`(?:` + strings.Join(formats, "|") + `)`)
