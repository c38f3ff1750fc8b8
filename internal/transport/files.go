package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// Files are the PEM files of mutual TLS: a certificate, its private key, and the
// authorities that the other side's certificate must come from.
type Files struct {
	Cert, Key, CA string
}

// Given reports whether any file is named.
func (f Files) Given() bool { return f != Files{} }

// Validate reads the files and lists all faults.
func (f Files) Validate() error {
	_, err := f.load()
	return err
}

// Expiry is when the certificate ends, as it is on disk now.
func (f Files) Expiry() (time.Time, error) {
	m, err := f.load()
	if err != nil {
		return time.Time{}, err
	}
	return m.cert.Leaf.NotAfter, nil
}

type material struct {
	cert tls.Certificate
	cas  *x509.CertPool
}

func (f Files) load() (material, error) {
	cert, errCert := tls.LoadX509KeyPair(f.Cert, f.Key)
	cas := x509.NewCertPool()
	pem, errCA := os.ReadFile(f.CA)
	if errCA == nil && !cas.AppendCertsFromPEM(pem) {
		errCA = fmt.Errorf("%s holds no certificate", f.CA)
	}
	return material{cert, cas}, errors.Join(errCert, errCA)
}

// reloading is mutual TLS with files that are read at every handshake, so that
// replaced ones count from the next connection on; connections live long, and
// reading three files costs little beside a handshake. While they do not belong
// together, as in the middle of a replacement, the last good ones are used.
//
// grpc's own pemfile provider writes the private key to its log in that case.
type reloading struct {
	files Files

	mu   *sync.Mutex
	last *material
}

var _ credentials.TransportCredentials = reloading{}

func newReloading(f Files) (credentials.TransportCredentials, error) {
	m, err := f.load()
	if err != nil {
		return nil, err
	}
	return reloading{f, &sync.Mutex{}, &m}, nil
}

func (r reloading) current() material {
	fresh, err := r.files.load()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		*r.last = fresh
	}
	return *r.last
}

func (r reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	m := r.current()
	return credentials.NewTLS(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{m.cert},
		RootCAs:      m.cas,
	}).ClientHandshake(ctx, authority, conn)
}

func (r reloading) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	m := r.current()
	return credentials.NewTLS(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{m.cert},
		ClientCAs:    m.cas,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}).ServerHandshake(conn)
}

func (r reloading) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (r reloading) Clone() credentials.TransportCredentials { return r }

// OverrideServerName is the deprecated half of the interface: the name is the
// address's host.
func (r reloading) OverrideServerName(string) error {
	return errors.New("the server's name is its address's host")
}
