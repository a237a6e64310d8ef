package cli

// The image holds nothing but programs, so the certificates of the public authorities
// are in them. They count only where a system has none of its own: SSL_CERT_FILE names
// the file of a private authority.
import _ "golang.org/x/crypto/x509roots/fallback"
