// Package pii names the kinds of personal data and secrets that a policy knows,
// and the spans that detectors report.
package pii

import (
	"fmt"
	"iter"
	"math/bits"
)

// Type is a kind of personal data or secret.
type Type uint8

// The types of a policy, in the order of their names.
const (
	Address Type = iota
	Age
	AWSAccessKey
	AWSSecretKey
	BankAccountNumber
	BankRouting
	CAHealthNumber
	CASocialInsuranceNumber
	CardCVV
	CardExpiry
	CardNumber
	DateTime
	DriverID
	Email
	INAadhaar
	INNrega
	INPermanentAccountNumber
	INVoterNumber
	IBAN
	IPAddress
	LicensePlate
	MACAddress
	Name
	PassportNumber
	Password
	Phone
	PIN
	SSN
	SwiftCode
	UKNationalHealthServiceNumber
	UKNationalInsuranceNumber
	UKUniqueTaxpayerReferenceNumber
	URL
	USIndividualTaxIdentificationNumber
	Username
	VehicleIdentificationNumber

	Types // how many there are
)

var names = [Types]string{
	"address", "age", "aws_access_key", "aws_secret_key", "bank_account_number", "bank_routing", "ca_health_number",
	"ca_social_insurance_number", "credit_debit_cvv", "credit_debit_expiry", "credit_debit_number", "date_time", "driver_id",
	"email", "in_aadhaar", "in_nrega", "in_permanent_account_number", "in_voter_number", "international_bank_account_number",
	"ip_address", "license_plate", "mac_address", "name", "passport_number", "password", "phone", "pin", "ssn", "swift_code",
	"uk_national_health_service_number", "uk_national_insurance_number", "uk_unique_taxpayer_reference_number", "url",
	"us_individual_tax_identification_number", "username", "vehicle_identification_number",
}

// String is the type's name in a policy, such as "credit_debit_number".
func (t Type) String() string {
	if t < Types {
		return names[t]
	}
	return fmt.Sprintf("pii.Type(%d)", uint8(t))
}

// Parse is the type with a policy's name.
func Parse(name string) (Type, bool) {
	for i, n := range names {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// Set is a set of types.
type Set uint64

// All has every type.
const All Set = 1<<Types - 1

// Of is the set of the given types.
func Of(types ...Type) Set {
	var s Set
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// Has reports whether t is in the set.
func (s Set) Has(t Type) bool { return s&(1<<t) != 0 }

// Types gives the set's types in order.
func (s Set) Types() iter.Seq[Type] {
	return func(yield func(Type) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(Type(bits.TrailingZeros64(uint64(s)))) {
				return
			}
		}
	}
}

// Span is a found value: text[Start:End], in bytes of UTF-8.
type Span struct {
	Start, End int
	Type       Type
	Score      float32 // how sure the detector is, above 0 and at most 1
}
