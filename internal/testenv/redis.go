package testenv

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisVariable names a Redis to test with where no redis-server can be started:
// a redis:// URL.
const RedisVariable = "BRICKS_TEST_REDIS"

// Redis is a server of this test's own. Nothing of it survives the test.
type Redis struct {
	Address string // host:port
	CAFile  string // of the certificate, with TLS

	t    testing.TB
	args []string
	logs *logs
	cmd  *exec.Cmd
}

// RedisURL is the URL of an empty server: one of the test's own if redis-server
// is on PATH, else BRICKS_TEST_REDIS. Without either the test is skipped,
// visibly.
func RedisURL(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if url := os.Getenv(RedisVariable); url != "" {
			return url
		}
	}
	return "redis://" + StartRedis(t).Address
}

// StartRedis runs redis-server on a free port, with more arguments if given.
// Without one on PATH the test is skipped, visibly.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return startRedis(t, port, append([]string{"--port", port}, args...))
}

// StartTLSRedis is StartRedis for a server that speaks TLS only.
func StartTLSRedis(t testing.TB) *Redis {
	t.Helper()
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	r := startRedis(t, port, []string{
		"--port", "0", "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no",
	})
	r.CAFile = cert
	return r
}

func startRedis(t testing.TB, port string, args []string) *Redis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("no redis-server to test with: install Redis 6.2 or newer, or set %s to the URL of one", RedisVariable)
	}
	r := &Redis{Address: "127.0.0.1:" + port, t: t, logs: &logs{}}
	r.args = append([]string{path, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--daemonize", "no"}, args...)
	t.Cleanup(func() {
		r.Kill()
		if t.Failed() {
			t.Logf("redis-server printed:\n%s", r.logs.tail(20))
		}
	})
	r.Restart()
	return r
}

// Restart starts the server again, after Kill, on the same port: empty, unless
// its arguments keep its data.
func (r *Redis) Restart() {
	r.t.Helper()
	r.cmd = exec.Command(r.args[0], r.args[1:]...)
	r.cmd.Stdout, r.cmd.Stderr = r.logs, r.logs
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	Eventually(r.t, 20*time.Second, "redis-server listens", func() bool {
		c, err := net.DialTimeout("tcp", r.Address, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

// Kill ends the server with SIGKILL and waits for its end.
func (r *Redis) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
	r.cmd = nil
}

// Signal sends the server a signal.
func (r *Redis) Signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// Do sends a command of plain words, and returns the first line of a simple
// answer or the text of a bulk one.
func (r *Redis) Do(command string) (string, error) {
	c, err := net.DialTimeout("tcp", r.Address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // the answer is read
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return "", err
	}
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(line, "-"):
		return "", fmt.Errorf("redis %s: %s", command, line[1:])
	case strings.HasPrefix(line, "$"):
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		b := make([]byte, n)
		for read := 0; read < n; {
			m, err := in.Read(b[read:])
			if err != nil {
				return "", err
			}
			read += m
		}
		return string(b), nil
	}
	return strings.TrimLeft(line, "+:"), nil
}

// MustDo is Do for a command that must succeed.
func (r *Redis) MustDo(command string) string {
	r.t.Helper()
	s, err := r.Do(command)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// StartRedisCluster runs a Redis Cluster of three masters.
func StartRedisCluster(t testing.TB) []*Redis {
	t.Helper()
	nodes := make([]*Redis, 3)
	for i := range nodes {
		nodes[i] = StartClusterNode(t)
	}
	for i, slots := range []string{"0 5460", "5461 10922", "10923 16383"} {
		nodes[i].MustDo("CLUSTER ADDSLOTSRANGE " + slots)
		nodes[i].MustDo("CLUSTER SET-CONFIG-EPOCH " + strconv.Itoa(i+1))
	}
	for _, n := range nodes[1:] {
		nodes[0].MustDo("CLUSTER MEET 127.0.0.1 " + n.port())
	}
	Eventually(t, 30*time.Second, "the Cluster's nodes know one another", func() bool {
		for _, n := range nodes {
			info, err := n.Do("CLUSTER INFO")
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return false
			}
		}
		return true
	})
	return nodes
}

// StartClusterNode runs a server that may join a Cluster. Its second port is its
// first plus 10000.
func StartClusterNode(t testing.TB) *Redis {
	t.Helper()
	for {
		_, text, err := net.SplitHostPort(freeAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		port -= 10000 // below the ports that the system gives away by itself
		if !free(port) || !free(port+10000) {
			continue
		}
		return startRedis(t, strconv.Itoa(port), []string{"--port", strconv.Itoa(port), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"})
	}
}

func (r *Redis) port() string { return r.Address[strings.LastIndexByte(r.Address, ':')+1:] }

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// selfSigned writes a certificate for 127.0.0.1, which is its own authority.
func selfSigned(t testing.TB, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		var b bytes.Buffer
		if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "EC PRIVATE KEY", secret)
}
