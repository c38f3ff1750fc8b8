package pricing

// IsField and Others are for the test that reads every name in the list.
var (
	IsField = func(name string) bool { _, _, _, ok := field(name); return ok }
	Others  = others
)
