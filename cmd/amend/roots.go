package main

// The image holds nothing but the program, so the certificates of the public
// authorities are in it. They count only where a system has none of its own:
// SSL_CERT_FILE names the file of a private authority.
import _ "golang.org/x/crypto/x509roots/fallback"
