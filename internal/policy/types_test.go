package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/sse"
)

// sentences hold a value of each type, as a model might write it. {} marks it.
var sentences = map[pii.Type]string{
	pii.Address:                             "You can send the parcel to {742 Evergreen Terrace, Springfield, IL 62704} before friday.",
	pii.Age:                                 "She told me that she is {43 years old} and works there.",
	pii.AWSAccessKey:                        "The key id is {AKIAIOSFODNN7EXAMPLQ} for that account.",
	pii.AWSSecretKey:                        "aws_secret_access_key = {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}",
	pii.BankAccountNumber:                   "Please use the account number {4829103847561} for the transfer.",
	pii.BankRouting:                         "The routing number is {021000021} as far as we know.",
	pii.CAHealthNumber:                      "His health card number is {9876 543 217} in our records.",
	pii.CASocialInsuranceNumber:             "The social insurance number is {046 454 286} on the form.",
	pii.CardCVV:                             "The card's cvv is {737} according to them.",
	pii.CardExpiry:                          "The card has the expiry date {09/28} printed on it.",
	pii.CardNumber:                          "They paid with card {4012 8888 8888 1881} in the shop.",
	pii.DateTime:                            "The meeting was moved to {14 March 2025} because of the rain.",
	pii.DriverID:                            "Her driver's license number is {D1234567} from last year.",
	pii.Email:                               "If in doubt, just write to {katherine.johnson@nasa.example.gov} and ask.",
	pii.INAadhaar:                           "The aadhaar number is {2341 2341 2346} for this person.",
	pii.INNrega:                             "The nrega job card is {OR-02-003-004-005/678} in that village.",
	pii.INPermanentAccountNumber:            "Their PAN is {ABCPE1234F} and nothing else.",
	pii.INVoterNumber:                       "The voter id is {XYZ1234567} as printed.",
	pii.IBAN:                                "Transfer it to {DE89 3704 0044 0532 0130 00} by monday.",
	pii.IPAddress:                           "The server at {203.0.113.42} did not answer in time.",
	pii.LicensePlate:                        "The car with license plate {7ABC123} was seen there.",
	pii.MACAddress:                          "The device is {00:1B:44:11:3A:B7} on our network.",
	pii.Name:                                "The report was written by {Katherine Johnson} over the summer.",
	pii.PassportNumber:                      "The passport number is {533380006} and it is valid.",
	pii.Password:                            "The password is {Tr0ub4dor&3xyz} for that machine.",
	pii.Phone:                               "You can call {+1 415 555 2671} during the day.",
	pii.PIN:                                 "The pin is {4821} for the door.",
	pii.SSN:                                 "The social security number is {536-22-8791} in the file.",
	pii.SwiftCode:                           "The swift code is {DEUTDEFF500} for the bank.",
	pii.UKNationalHealthServiceNumber:       "The nhs number is {943 476 5919} on the letter.",
	pii.UKNationalInsuranceNumber:           "The national insurance number is {QQ 12 34 56 C} or so; really {AB 12 34 56 C} it is.",
	pii.UKUniqueTaxpayerReferenceNumber:     "The unique taxpayer reference is {1234567895} for them.",
	pii.URL:                                 "You find it at {https://intranet.example.com/staff/kj} with the rest.",
	pii.USIndividualTaxIdentificationNumber: "The itin is {912-78-1234} on that return.",
	pii.Username:                            "The username is {kjohnson62} on that machine.",
	pii.VehicleIdentificationNumber:         "The vin is {1HGCM82633A004352} of that car.",
}

func realPolicy(t *testing.T) *policy.Policy {
	t.Helper()
	compiled, err := policy.New(&gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact"}, ApplyToResponse: true})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func realAnswers(t *testing.T) *policy.Exchange {
	t.Helper()
	return (&policy.Engine{Embedded: scan.Append}).Begin(realPolicy(t), nil)
}

// A value of any type, cut at every byte of a character and sent in two to five
// events, does not reach the client, and the stream reads like its whole text.
func TestNoValueIsSeenHoweverItIsCut(t *testing.T) {
	for typ := range pii.All.Types() {
		sentence := sentences[typ]
		if sentence == "" {
			t.Errorf("%v has no sentence", typ)
			continue
		}
		t.Run(typ.String(), func(t *testing.T) {
			_, rest, _ := strings.Cut(sentence, "{")
			value, _, _ := strings.Cut(rest, "}")
			if typ == pii.UKNationalInsuranceNumber {
				value = "AB 12 34 56 C"
			}
			text := strings.NewReplacer("{", "", "}", "").Replace(sentence)
			whole, err := realAnswers(t).TextAnswer(t.Context(), []byte(text))
			if err != nil || strings.Contains(string(whole), value) {
				t.Fatalf("the whole: %s, %v", whole, err)
			}
			random := rand.New(rand.NewPCG(2, uint64(typ))) //nolint:gosec // a test's choices
			for at := range len(text) {
				cuts := []int{0, at, len(text)}
				for range random.IntN(4) {
					cuts = append(cuts, random.IntN(len(text)))
				}
				got := collect(t, strings.Join(pass(t, realAnswers(t), "", chats(text, cuts)...), ""), member("choices", "delta", "content"))
				if got != string(whole) {
					t.Fatalf("cut at %v: %q\nwhole: %q", cuts, got, whole)
				}
			}
		})
	}
}

// chats are the parts of text between the cuts, as events.
func chats(text string, cuts []int) (events []string) {
	marks := map[int]bool{}
	for _, c := range cuts {
		marks[c] = true
	}
	start := 0
	for i := 1; i <= len(text); i++ {
		if marks[i] {
			events = append(events, chat(text[start:i]))
			start = i
		}
	}
	return events
}

func BenchmarkRequest(b *testing.B) {
	compiled, err := policy.New(&gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact"}})
	if err != nil {
		b.Fatal(err)
	}
	engine := &policy.Engine{Embedded: scan.Append}
	var prose strings.Builder
	for i := 0; prose.Len() < 64<<10; i++ {
		for typ := range pii.All.Types() {
			fmt.Fprintf(&prose, "Some ordinary words that stand around, number %d of them, and then more. ", i)
			if i%8 == 0 {
				prose.WriteString(strings.NewReplacer("{", "", "}", "").Replace(sentences[typ]) + "\n")
			}
		}
	}
	for _, size := range []int{1 << 10, 8 << 10, 64 << 10} {
		body := []byte(`{"model":"m","messages":[{"role":"user","content":` + quoted(prose.String()[:size]) + `}]}`)
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engine.Begin(compiled, nil).JSON(b.Context(), body, policy.Shape{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	text := strings.Repeat("Some ordinary words that stand around here, and then more of them; Katherine Johnson wrote to them. ", 80)
	compiled, err := policy.New(&gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact"}, ApplyToResponse: true})
	if err != nil {
		b.Fatal(err)
	}
	engine := &policy.Engine{Embedded: scan.Append}
	b.Run("JSON, 8 KiB", func(b *testing.B) {
		body := []byte(`{"choices":[{"message":{"content":` + quoted(text) + `}}]}`)
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := engine.Begin(compiled, nil).JSONAnswer(b.Context(), body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("an event", func(b *testing.B) {
		words := strings.SplitAfter(text, " ")
		var events []sse.Event
		for _, w := range words {
			raw := []byte(chat(w))
			events = append(events, sse.Event{Raw: raw, Data: raw[len("data: ") : len(raw)-2]})
		}
		s, i := engine.Begin(compiled, nil).Stream(policy.Form{}), 0
		var out []byte
		for b.Loop() {
			if out, err = s.Event(b.Context(), out[:0], events[i%len(events)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}
