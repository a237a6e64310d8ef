// Package lock keeps a second process off a folder. The kernel gives a lock up
// when its process ends, however it ends, so none is ever left behind.
package lock
