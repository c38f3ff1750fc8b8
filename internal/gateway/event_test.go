package gateway_test

import (
	"reflect"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// TestAddTakesEveryFigure: a figure that is forgotten would be free.
func TestAddTakesEveryFigure(t *testing.T) {
	var sum, one gateway.Usage
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i + 1))
	}
	sum.Add(one)
	sum.Add(one)
	got := reflect.ValueOf(sum)
	for i := range got.NumField() {
		if got.Field(i).Int() != 2*int64(i+1) {
			t.Errorf("%s is %d, want %d", got.Type().Field(i).Name, got.Field(i).Int(), 2*(i+1))
		}
	}
}
