package scan_test

import (
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

// Names that no list knows, where a form, a key or a column says what they are.
func TestNamesInFields(t *testing.T) {
	for text, want := range map[string][]string{
		`{"lastName":"Okwuosa","x":1}`:                                             {"Okwuosa"},
		`{"familyName":"okwuosa"}`:                                                 {"okwuosa"},
		`{"given_name":"Bertil","family_name":"Okwuosa"}`:                          {"Bertil", "Okwuosa"},
		"last_name: okwuosa\ncity: lagos":                                          {"okwuosa"},
		"LAST_NAME=Okwuosa":                                                        {"Okwuosa"},
		"Surname: O'Kwu-Osa":                                                       {"O'Kwu-Osa"},
		"**Last name:** OKWUOSA":                                                   {"OKWUOSA"},
		"<surname>Okwuosa</surname>":                                               {"Okwuosa"},
		"Last name: de la Okwuosa, First name: Bertil":                             {"de la Okwuosa", "Bertil"},
		"First name: Bertil Last name: Okwuosa DOB: 1/2/1980":                      {"Bertil", "Okwuosa"},
		"Full name: Dr Bertil J. Okwuosa":                                          {"Bertil J. Okwuosa"},
		`"patientName": "OKWUOSA, BERTIL"`:                                         {"OKWUOSA, BERTIL"},
		"Nachname: Örüğ":                                                           {"Örüğ"},
		"first_name,last_name,city\nxiomara,tchuente,Douala":                       {"xiomara", "tchuente"},
		"Last Name | First Name | Dept\n--- | --- | ---\nOkwuosa | Bertil | HR":    {"Okwuosa", "Bertil"},
		"INSERT INTO p (first_name, last_name) VALUES ('Bertil', 'Okwuosa')":       {"Bertil", "Okwuosa"},
		"lastName: string;":                                                        nil,
		"first_name: str = None":                                                   nil,
		`"last_name": {"type": "string"}`:                                          nil,
		"lastName: user.lastName":                                                  nil,
		"surname = parts[-1]":                                                      nil,
		"last_name = lastName":                                                     nil,
		"first_name = models.CharField(max_length=30)":                             nil,
		"customer name: Okwuosa Ltd":                                               nil,
		"Last name is required":                                                    nil,
		"First name: (required)":                                                   nil,
		"name on card: see the front":                                              nil,
		`<label>Last name:</label><input name="lastName" placeholder="Last name">`: nil,
		`"first_name": "must not be blank"`:                                        nil,
		"Surname: Please enter your surname":                                       nil,
		"Customer name: Which customer has the most orders?":                       nil,
		`"full_name": "octocat/Hello-World"`:                                       nil,
	} {
		var got []string
		for _, s := range scan.Append(nil, text, pii.Of(pii.Name)) {
			got = append(got, text[s.Start:s.End])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", text, got, want)
		}
	}
}

func TestNamesBehindTitles(t *testing.T) {
	for text, want := range map[string][]string{
		"Dear Ms Fitzgerald, your policy renews soon.":                     {"Fitzgerald"},
		"Dr. Tchuente-Abara will see you, not mr Okwuosa.":                 {"Tchuente-Abara", "Okwuosa"},
		"pls tell auntie Meena we land at noon":                            {"Meena"},
		"Sehr geehrte Frau Örüğ":                                           {"Örüğ"},
		"Dr Pepper and Mr President, 30 MS Word files, 5 Mr. 7":            nil,
		"Teach my daughter French, buy my son Lego's, an uncle Sam poster": {"Lego"},
		"the Dr (on call), my boss. Monday is free":                        nil,
	} {
		var got []string
		for _, s := range scan.Append(nil, text, pii.Of(pii.Name)) {
			got = append(got, text[s.Start:s.End])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", text, got, want)
		}
	}
}
