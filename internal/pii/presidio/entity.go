package presidio

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// typeOf is our type of an entity. A recognizer that an operator adds may also
// report any of our types by its name in capitals, such as USERNAME.
func typeOf(entity string) (pii.Type, bool) {
	if t, ok := entities[entity]; ok {
		return t, true
	}
	return pii.Parse(strings.ToLower(entity))
}

// entities has the types of presidio-analyzer 2.2.366 that are ours too, under
// another name. Not here, since no type of ours is theirs: CRYPTO, NRP,
// ORGANIZATION, UUID, MEDICAL_LICENSE, tax and company numbers, health insurance
// numbers, and the national identity numbers of other countries.
var entities = map[string]pii.Type{
	"PERSON":        pii.Name,
	"LOCATION":      pii.Address,
	"EMAIL_ADDRESS": pii.Email,
	"PHONE_NUMBER":  pii.Phone,
	"CREDIT_CARD":   pii.CardNumber,
	"IBAN_CODE":     pii.IBAN,

	"US_SSN":             pii.SSN,
	"US_ITIN":            pii.USIndividualTaxIdentificationNumber,
	"US_BANK_NUMBER":     pii.BankAccountNumber,
	"ABA_ROUTING_NUMBER": pii.BankRouting,
	"CA_SIN":             pii.CASocialInsuranceNumber,
	"UK_NHS":             pii.UKNationalHealthServiceNumber,
	"UK_NINO":            pii.UKNationalInsuranceNumber,
	"IN_PAN":             pii.INPermanentAccountNumber,
	"IN_VOTER":           pii.INVoterNumber,

	"US_PASSPORT": pii.PassportNumber,
	"UK_PASSPORT": pii.PassportNumber,
	"DE_PASSPORT": pii.PassportNumber,
	"ES_PASSPORT": pii.PassportNumber,
	"IN_PASSPORT": pii.PassportNumber,
	"IT_PASSPORT": pii.PassportNumber,
	"KR_PASSPORT": pii.PassportNumber,
	"PH_PASSPORT": pii.PassportNumber,
	"ZA_PASSPORT": pii.PassportNumber,

	"US_DRIVER_LICENSE":  pii.DriverID,
	"UK_DRIVING_LICENCE": pii.DriverID,
	"DE_FUEHRERSCHEIN":   pii.DriverID,
	"IT_DRIVER_LICENSE":  pii.DriverID,
	"KR_DRIVER_LICENSE":  pii.DriverID,
	"ZA_DRIVER_LICENSE":  pii.DriverID,

	"UK_VEHICLE_REGISTRATION": pii.LicensePlate,
	"DE_KFZ":                  pii.LicensePlate,
	"IN_VEHICLE_REGISTRATION": pii.LicensePlate,
	"NG_VEHICLE_REGISTRATION": pii.LicensePlate,
	"TR_LICENSE_PLATE":        pii.LicensePlate,
	"ZA_LICENSE_PLATE":        pii.LicensePlate,

	"CA_POSTAL_CODE": pii.Address,
	"DE_PLZ":         pii.Address,
	"UK_POSTCODE":    pii.Address,

	"ZA_MOBILE_NUMBER":    pii.Phone,
	"ZA_TELEPHONE_NUMBER": pii.Phone,
}
