package e2e

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestBadInput writes to the socket what no HTTP library would. Nothing of it
// reaches the provider, and the gateway goes on.
func TestBadInput(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	auth := "Host: x\r\nAuthorization: Bearer " + e.key.Secret + "\r\n"
	post := "POST " + chat + " HTTP/1.1\r\n" + auth + "Content-Type: application/json\r\n"
	body := "\r\n" + helloChat
	long := strings.Repeat("a", 100<<10)
	cases := map[string]struct {
		raw      string
		statuses []int
	}{
		"NUL in a header":              {post + "X-A: a\x00b\r\nContent-Length: 79\r\n" + body, []int{400}},
		"length and chunks":            {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{400}},
		"two different lengths":        {post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", []int{400}},
		"negative length":              {post + "Content-Length: -1\r\n\r\n", []int{400}},
		"unknown transfer encoding":    {post + "Transfer-Encoding: cow\r\n\r\n", []int{400, 501}},
		"bad chunk size":               {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", []int{400}},
		"folded header":                {post + "X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n", []int{400}},
		"blank before the colon":       {post + "X-A : a\r\nContent-Length: 0\r\n\r\n", []int{400}},
		"underscore in a header name":  {post + "x_bricks_cluster: a\r\nContent-Length: 0\r\n\r\n", []int{400}},
		"headers too large":            {post + "X-A: " + long + "\r\n\r\n", []int{431}},
		"too many headers":             {post + strings.Repeat("X-A: a\r\n", 300) + "\r\n", []int{431}},
		"declared body too large":      {post + "Content-Length: 99999999999\r\n\r\n", []int{413}},
		"no host":                      {"GET " + models + " HTTP/1.1\r\n\r\n", []int{400}},
		"not HTTP":                     {"hello\r\n\r\n", []int{400}},
		"HTTP/2 preface with rubbish":  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrubbish rubbish rubbish", nil},
		"CONNECT":                      {"CONNECT api.openai.com:443 HTTP/1.1\r\n" + auth + "\r\n", []int{400, 403, 404, 405}},
		"upgrade":                      {"GET " + models + " HTTP/1.1\r\n" + auth + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", []int{400, 403, 404, 405, 426}},
		"TRACE":                        {"TRACE " + models + " HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404, 405}},
		"absolute target":              {"GET http://169.254.169.254/latest HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404}},
		"escaped slash":                {"GET /api/providers/openai%2fv1/models HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404}},
		"twice escaped dots":           {"GET /api/providers/openai/v1/%252e%252e/models HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404}},
		"path parameter":               {"GET /api/providers/openai/v1/models;x=1 HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404}},
		"fragment":                     {"GET /api/providers/openai/v1/models#x HTTP/1.1\r\n" + auth + "\r\n", []int{400, 404}},
		"other case":                   {"GET /API/providers/openai/v1/models HTTP/1.1\r\n" + auth + "\r\n", []int{404}},
		"two keys in one header name":  {"GET " + models + " HTTP/1.1\r\n" + auth + "Authorization: Bearer other-0123456789\r\n\r\n", []int{400, 401}},
		"key taken away by Connection": {"GET " + models + " HTTP/1.1\r\n" + auth + "Connection: authorization\r\n\r\n", []int{400, 401}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, what := rawStatus(t, e.Proxy, c.raw)
			ok := c.statuses == nil
			for _, s := range c.statuses {
				ok = ok || s == status
			}
			if !ok {
				t.Errorf("got %d (%s), want one of %v", status, what, c.statuses)
			}
			if n := len(e.fake.Requests()); n != 0 {
				t.Fatalf("the provider saw %+v", e.fake.Requests())
			}
		})
	}
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK {
		t.Errorf("afterwards: got %v", a)
	}
}

// rawStatus writes raw and reads the status of the answer; 0 when the
// connection was closed without one.
func rawStatus(t *testing.T, address, raw string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test has what it wanted
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(raw)); err != nil {
		t.Logf("write: %v", err) // it answered before all was written
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	return resp.StatusCode, resp.Status
}
