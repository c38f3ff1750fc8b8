package scan_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

// found lists what is found in a text, as type and value, without names and
// addresses.
func found(text string) []string {
	list := []string{}
	for _, s := range scan.Append(nil, text, pii.All&^learnedTypes) {
		list = append(list, s.Type.String()+" "+text[s.Start:s.End])
	}
	return list
}

func TestFinds(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a label before its value", "my ssn is 123-45-6789", []string{"ssn 123-45-6789"}},
		{"a label behind its value", "123456789 is my ssn", []string{"ssn 123456789"}},
		{"the nearer of two labels", "routing 021000021, account 12345678", []string{"bank_routing 021000021", "bank_account_number 12345678"}},
		{"a label with an aside", "PIN (four digits): 4821", []string{"pin 4821"}},
		{"a label that belongs to another", "the PIN of my phone is 277477", []string{"pin 277477"}},
		{"an answer in the next line", "Q: What is your PIN?\nA: 4821", []string{"pin 4821"}},
		{"a list of values", "SSNs: 123456789, 234567891 and 345678912", []string{"ssn 123456789", "ssn 234567891", "ssn 345678912"}},
		{"a key of JSON in camelCase", `{"customerSsn":"123456789"}`, []string{"ssn 123456789"}},
		{"an element of XML, once", "<ssn>123456789</ssn><id>234567891</id>", []string{"ssn 123456789"}},
		{"a column of a table", "id,ssn,n\n1,123456789,234567891\n2,345678912,456789123", []string{"ssn 123456789", "ssn 345678912"}},
		{"a column behind names with commas", "name,ssn\nDoe, Jane,123456789", []string{"ssn 123456789"}},
		{"a column of Markdown", "| a | PIN |\n|---|---|\n| x | 4821 |", []string{"pin 4821"}},
		{"a column of SQL", "INSERT INTO t (a, ssn) VALUES (1, '123456789'), (2, '234567891')", []string{"ssn 123456789", "ssn 234567891"}},
		{"expiry and code beside a card", "4111 1111 1111 1111 12/27 123", []string{"credit_debit_number 4111 1111 1111 1111", "credit_debit_expiry 12/27", "credit_debit_cvv 123"}},
		{"user and password in a URL, and no e-mail address", "https://joe:hunter2@example.com/x", []string{"username joe", "password hunter2", "url example.com/x"}},
		{"user and password of a database, whose address is nobody's", "postgres://joe:hunter2@localhost/x", []string{"username joe", "password hunter2"}},
		{"options of commands", "mysql -u joe -pHunter22 shop", []string{"username joe", "password Hunter22"}},
		{"a home directory", "open /home/joe/notes.txt", []string{"username joe"}},
		{"a password without an operator", "use password Hunter22! to enter", []string{"password Hunter22!"}},
		{"a passcode of any form", "login: joe, passcode: Hunter22!; his passcode is 482913", []string{"username joe", "password Hunter22!", "pin 482913"}},
		{"a sort code before the account", "account number: 40-47-84 12345678", []string{"bank_routing 40-47-84", "bank_account_number 12345678"}},
		{"a version code, and a word that is none", "OHIP 9876543217 XN or OHIP 9876543225 or", []string{"ca_health_number 9876543217 XN", "ca_health_number 9876543225"}},
		{"an IBAN by its check digits", "pay DE89 3704 0044 0532 0130 00 now", []string{"international_bank_account_number DE89 3704 0044 0532 0130 00"}},
		{"a German date", "am 3. März 1984", []string{"date_time 3. März 1984"}},
		{"a second mention without a label", "passport C01X00T47. Later: C01X00T47 again", []string{"passport_number C01X00T47", "passport_number C01X00T47"}},
		{"emoji, CJK and marks before it", "😀e\u0301東京 mail joe@example.com", []string{"email joe@example.com"}},
		{"CJK right beside a number", "电话+8613812345678。", []string{"phone +8613812345678"}},
		{"full-width digits", "ssn １２３-４５-６７８９", []string{"ssn １２３-４５-６７８９"}},
		{"a zero-width space inside", "joe@exa\u200bmple.com", []string{"email joe@exa\u200bmple.com"}},
		{"signs spelled in brackets", "mail joe [at] example [dot] com", []string{"email joe [at] example [dot] com"}},
		{"signs spelled in words", "mail joe at example dot com", []string{"email joe at example dot com"}},
		{"bullets and stars between the digits", "card 4111•1111•1111•1111, ssn 123*45*6789", []string{"credit_debit_number 4111•1111•1111•1111", "ssn 123*45*6789"}},
		{"an acronym with dots", "my S.I.N. is 130 692 544", []string{"ca_social_insurance_number 130 692 544"}},
		{"the number of what the sentence is about", "my passport is new, its number is C01X00T47", []string{"passport_number C01X00T47"}},
		{"a German card and bank", "Karte 5500 0000 0000 0004 läuft 09/27 ab, Konto 532013000, BLZ 370 400 44", []string{
			"credit_debit_number 5500 0000 0000 0004", "credit_debit_expiry 09/27", "bank_account_number 532013000", "bank_routing 370 400 44"}},
		{"a user in a log of logins", "Failed password for deploy from 203.0.113.77 port 53122 ssh2", []string{"username deploy", "ip_address 203.0.113.77"}},
		{"an age between commas", "The suspect, 19, lives here. Anna Berg, 34, said so.", []string{"age 19", "age 34"}},
		{"the time of a log and of a letter", "[10/Oct/2024:13:55:36 -0700] GET; Mon, 3 Mar 2025 09:14:00 +0000", []string{
			"date_time 10/Oct/2024:13:55:36 -0700", "date_time 3 Mar 2025 09:14:00 +0000"}},
		{"hours with a dot", "we land at 6.20am, pay 6.20 am Ende", []string{"date_time 6.20am", "date_time 6.20 am"}},
		{"a bank's code behind words", "swift code of my bank BOFAUS3N", []string{"swift_code BOFAUS3N"}},
		{"user and password with a slash", "Login: marco.polo / Venezia1254!", []string{"username marco.polo", "password Venezia1254!"}},
		{"a name in a network", "Her insta is @luna.kayak; Instagram: hello", []string{"username luna.kayak"}},
		{"an escaped sign", `joe\u0040example.com`, []string{`email joe\u0040example.com`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := found(tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("%q has\n%q, want\n%q", tt.text, got, tt.want)
			}
		})
	}
}

func TestLeavesAlone(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"a question about a type", "How do I reset my password? What is a PIN?"},
		{"the number of something else", "The SSN field was empty; error id 123456789."},
		{"an order's number with a card's check digit", "order 4111111111111111"},
		{"a number with wrong check digits", "card 4111 1111 1111 1112, IBAN DE89 3704 0044 0532 0130 01"},
		{"a piece of a longer number", "card 4111-1111-1111-1111-9, x123-45-6789-1"},
		{"a version", "version 10.15.7.1 of 12.1.2.3.4"},
		{"code about passwords", `password = os.environ["PW"]; login(user, password); if user: return`},
		{"a placeholder", "password: <your password>, user: ${USER}, password: ********"},
		{"what is said of a password", "your password is incorrect, the user is not authenticated"},
		{"talk in a transcript", "User: hello\nAssistant: hi"},
		{"hashes and ids", "commit a7c1d13bec283f8621b3fb8755a659cde8e9a1b1 3d322985-e044-3052-fa79-a62c97650f60"},
		{"base64", "8Ct9tNFP9swxfdnyMWQoKaplw68F/lzKm74syyza6bDT7dfKEWztO3=="},
		{"an account that is nobody's", "Failed password for root from port 22"},
		{"numbers between commas", "The answer, 42, is right; rows A, 12, and B."},
		{"sums and counts", "12 x 34 = 408, 5 years of experience, $1,234.56, 3:0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := found(tt.text); len(got) > 0 {
				t.Errorf("%q has %q, want nothing", tt.text, got)
			}
		})
	}
}

func TestNamesAreCarriedAsWholeWords(t *testing.T) {
	text := "My name is Ingrid Halvorsen. The halvorsen-park and the Halvorsenville station are closed. Please greet Ingrid Halvorsen."
	var names []string
	for _, s := range scan.Append(nil, text, pii.Of(pii.Name)) {
		names = append(names, text[s.Start:s.End])
	}
	for _, n := range names {
		if strings.Contains(n, "ville") || strings.Contains(n, "park") {
			t.Errorf("names = %q", names)
		}
	}
	if !slices.Contains(names, "Ingrid Halvorsen") {
		t.Errorf("names = %q, want Ingrid Halvorsen", names)
	}
}

func TestSecondMentionsAreWholeWords(t *testing.T) {
	text := "user=ab_joe99 wrote; xab_joe99 and ab_joe991 did not, ab_joe99 did."
	want := []string{"username ab_joe99", "username ab_joe99"}
	if got := found(text); !slices.Equal(got, want) {
		t.Errorf("%q has %q, want %q", text, got, want)
	}
}

func TestOnlyWhatIsAsked(t *testing.T) {
	text := "joe@example.com, 10.1.2.3, ssn 123-45-6789"
	spans := scan.Append([]pii.Span{{Start: 1, End: 2, Type: pii.PIN, Score: 1}}, text, pii.Of(pii.SSN))
	if len(spans) != 2 || spans[0].Type != pii.PIN || spans[1].Type != pii.SSN || text[spans[1].Start:spans[1].End] != "123-45-6789" {
		t.Errorf("spans = %v", spans)
	}
	if spans := scan.Append(nil, text, 0); spans != nil {
		t.Errorf("no types give %v", spans)
	}
}

// A value is found by what stands near it: the same in a window of an answer that
// streams as in all of it.
func TestNearContextIsEnough(t *testing.T) {
	before, behind := strings.Repeat("so it went on and on. ", 40), strings.Repeat(" and on it went. So", 40)
	for _, value := range []string{"my ssn is 123456789", "password: Hunter22!", "call 415-555-2671 today", "account number 12345678", "joe@example.com", "4111 1111 1111 1111"} {
		far, near := found(before+value+behind), found(before[len(before)-256:]+value+behind[:96])
		if len(far) != 1 || !slices.Equal(far, near) {
			t.Errorf("%q: %q in the whole text, %q in its window", value, far, near)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	want := scan.Append(nil, records, pii.All)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if got := scan.Append(nil, records, pii.All); !slices.Equal(got, want) {
					t.Errorf("spans = %v, want %v", got, want)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestNothingIsAllocatedForPlainText(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector lets pools forget")
	}
	text := strings.Repeat(prose, 8)
	if n := testing.AllocsPerRun(20, func() { scan.Append(nil, text, pii.All&^learnedTypes) }); n > 1 {
		t.Errorf("%v allocations, want none", n)
	}
}
