package pii_test

import (
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// The names are those of BricksLLM's contract, in its order.
func TestNames(t *testing.T) {
	contract := []string{
		"address", "age", "aws_access_key", "aws_secret_key", "bank_account_number", "bank_routing", "ca_health_number",
		"ca_social_insurance_number", "credit_debit_cvv", "credit_debit_expiry", "credit_debit_number", "date_time", "driver_id", "email",
		"in_aadhaar", "in_nrega", "in_permanent_account_number", "in_voter_number", "international_bank_account_number", "ip_address",
		"license_plate", "mac_address", "name", "passport_number", "password", "phone", "pin", "ssn", "swift_code",
		"uk_national_health_service_number", "uk_national_insurance_number", "uk_unique_taxpayer_reference_number", "url",
		"us_individual_tax_identification_number", "username", "vehicle_identification_number",
	}
	var got []string
	for typ := range pii.All.Types() {
		got = append(got, typ.String())
		if back, ok := pii.Parse(typ.String()); !ok || back != typ {
			t.Errorf("Parse(%q) = %v, %v", typ, back, ok)
		}
	}
	if !slices.Equal(got, contract) {
		t.Errorf("types = %v\nwant    %v", got, contract)
	}
	for _, name := range []string{"", "all", "Email", "iban"} {
		if typ, ok := pii.Parse(name); ok {
			t.Errorf("Parse(%q) = %v, want none", name, typ)
		}
	}
}

func TestSet(t *testing.T) {
	s := pii.Of(pii.Email, pii.SSN)
	if !s.Has(pii.Email) || !s.Has(pii.SSN) || s.Has(pii.Address) || s.Has(pii.URL) {
		t.Errorf("set %b has the wrong types", s)
	}
	if got := slices.Collect(s.Types()); !slices.Equal(got, []pii.Type{pii.Email, pii.SSN}) {
		t.Errorf("types = %v", got)
	}
}
