package configcache_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func TestMetricsTellHowWellTheCacheIsFed(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error { return serve(g, goOn) },
	}}
	cache, stop, _ := start(t, s, configcache.Options{Registerer: registry})
	expect := func(connected, revision, keys string) {
		t.Helper()
		want := `
# HELP bricks_config_connected 1 while the control plane feeds this processor.
# TYPE bricks_config_connected gauge
bricks_config_connected ` + connected + `
# HELP bricks_config_known_keys Keys that this processor follows.
# TYPE bricks_config_known_keys gauge
bricks_config_known_keys ` + keys + `
# HELP bricks_config_revision The store's revision that the latest update reflected.
# TYPE bricks_config_revision gauge
bricks_config_revision ` + revision + "\n"
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "bricks_config_connected", "bricks_config_known_keys", "bricks_config_revision"); err != nil {
			t.Error(err)
		}
	}
	<-cache.Ready()
	if _, err := cache.Key(t.Context(), sha256.Sum256([]byte("a key"))); err != nil {
		t.Fatal(err)
	}
	expect("1", "1", "1")
	if age := cache.Age(time.Now().Add(time.Hour)); age != 0 {
		t.Errorf("age = %v, though it is connected", age)
	}
	_ = stop() // what is known stays so, without a stream
	expect("0", "1", "1")
	if age := cache.Age(time.Now().Add(time.Hour)); age < 59*time.Minute {
		t.Errorf("age = %v, an hour later", age)
	}
}
