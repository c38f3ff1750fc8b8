package scan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/pii/score"
)

// learnedTypes are found by the model of package ner; only dev.jsonl labels them.
var learnedTypes = pii.Of(pii.Name, pii.Address)

// floors are the least F1 of a type.
var floors = map[float64]pii.Set{
	0.97: pii.Of(pii.Email, pii.IPAddress, pii.MACAddress, pii.URL, pii.AWSAccessKey, pii.CardNumber, pii.IBAN, pii.VehicleIdentificationNumber,
		pii.INAadhaar, pii.INPermanentAccountNumber, pii.UKNationalInsuranceNumber, pii.USIndividualTaxIdentificationNumber),
	0.93: pii.Of(pii.AWSSecretKey, pii.SSN, pii.Phone, pii.UKNationalHealthServiceNumber, pii.UKUniqueTaxpayerReferenceNumber,
		pii.CASocialInsuranceNumber, pii.CAHealthNumber, pii.BankRouting, pii.INNrega, pii.INVoterNumber, pii.SwiftCode, pii.CardCVV,
		pii.CardExpiry, pii.PIN),
	0.87: pii.Of(pii.BankAccountNumber, pii.PassportNumber, pii.DriverID, pii.LicensePlate, pii.Password, pii.Age, pii.DateTime),
	0.75: pii.Of(pii.Username, pii.Address),
}

// TestFloors prints the scores (make pii) and holds them.
func TestFloors(t *testing.T) {
	for _, file := range []string{"dev.jsonl", "heldout.jsonl"} {
		t.Run(file, func(t *testing.T) {
			types := pii.All
			if file != "dev.jsonl" {
				types &^= learnedTypes
			}
			r := run(t, file, types)
			for floor, set := range floors {
				for typ := range (set & types).Types() {
					if f1 := r.Types[typ].F1(); f1 < floor {
						t.Errorf("%s: F1 %.3f, want at least %.2f", typ, f1, floor)
					}
				}
			}
			if mean := r.Macro(types); mean < 0.95 {
				t.Errorf("mean F1 %.3f, want at least 0.95", mean)
			}
			for name, s := range r.Sources {
				switch name {
				case "nearmiss", "negative":
					if share := float64(s.Touched) / float64(s.Documents); share > 0.03 {
						t.Errorf("%s: %.1f %% of the texts have an alarm, want at most 3", name, 100*share)
					}
				case "neg-prompt", "neg-math", "neg-code":
					if alarms := s.Per100kB(); alarms > 1 {
						t.Errorf("%s: %.1f alarms in 100 kB, want at most 1", name, alarms)
					}
				}
			}
		})
	}
}

// Names in texts like prompts; in tweets nobody finds them well.
func TestNamesInPrompts(t *testing.T) {
	docs := read(t, "dev.jsonl")
	prompts := docs[:0]
	for _, d := range docs {
		if d.Source == "single" || d.Source == "multi" || d.Source == "hard" || d.Source == "presidio" {
			prompts = append(prompts, d)
		}
	}
	r, err := score.Run(prompts, learnedTypes, detect)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r.Table(learnedTypes))
	if f1 := r.Types[pii.Name].F1(); f1 < 0.80 {
		t.Errorf("name: F1 %.3f, want at least 0.80", f1)
	}
}

// A value that is spelled to hide is found almost as well as a plain one.
func TestHiddenSpellings(t *testing.T) {
	r := run(t, "corpus.jsonl", pii.All&^learnedTypes)
	var hidden, all score.Count
	for name, s := range r.Sources {
		all.Spans += s.Spans
		all.Right += s.Right
		if strings.HasPrefix(name, "hidden-") {
			hidden.Gold += s.Gold
			hidden.Found += s.Found
		}
	}
	if plain := r.Sources["plain"].Recall(); plain < 0.98 {
		t.Errorf("plain: recall %.3f, want at least 0.98", plain)
	}
	if hidden.Recall() < 0.95 {
		t.Errorf("hidden: recall %.3f, want at least 0.95", hidden.Recall())
	}
	if all.Precision() < 0.98 {
		t.Errorf("precision %.3f, want at least 0.98", all.Precision())
	}
}

func detect(text string) []pii.Span { return scan.Append(nil, text, pii.All) }

func run(t *testing.T, file string, types pii.Set) *score.Result {
	t.Helper()
	r, err := score.Run(read(t, file), types, detect)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s", file, r.Table(types))
	return r
}

func read(t *testing.T, file string) []score.Document {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was read only
	docs, err := score.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}
