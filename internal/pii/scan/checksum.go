package scan

import "strings"

// The check digits below are over values in compact form: digits and capitals.

// luhn is ISO/IEC 7812-1's check: payment cards, Canadian insurance numbers.
func luhn(digits []byte) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}

// verhoeffProduct and verhoeffPermutation are the tables of Verhoeff's check
// (dihedral group of order 10), which Aadhaar numbers have.
var (
	verhoeffProduct = [10][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
		{4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
		{8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
	verhoeffPermutation = [8][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
	}
)

func verhoeff(digits []byte) bool {
	check := uint8(0)
	for i := range digits {
		check = verhoeffProduct[check][verhoeffPermutation[i%8][digits[len(digits)-1-i]-'0']]
	}
	return check == 0
}

// mod97 is ISO 7064's check of an IBAN.
func mod97(iban []byte) bool {
	rest := 0
	add := func(part []byte) {
		for _, b := range part {
			if b >= '0' && b <= '9' {
				rest = (rest*10 + int(b-'0')) % 97
			} else {
				rest = (rest*100 + int(b-'A') + 10) % 97
			}
		}
	}
	add(iban[4:])
	add(iban[:4])
	return rest == 1
}

// weighted is the sum of digits by weights.
func weighted(digits []byte, weights string) int {
	sum := 0
	for i := range len(weights) {
		sum += int(digits[i]-'0') * int(weights[i]-'0')
	}
	return sum
}

// abaRouting checks nine digits as the American Bankers Association does.
func abaRouting(d []byte) bool {
	district := int(d[0]-'0')*10 + int(d[1]-'0')
	return (district <= 12 || district >= 21 && district <= 32 || district >= 61 && district <= 72 || district == 80) &&
		weighted(d, "371371371")%10 == 0
}

// nhsNumber checks ten digits of the National Health Service, mod 11.
func nhsNumber(d []byte) bool {
	sum := int(d[0]-'0') * 10
	sum += weighted(d[1:], "98765432")
	check := 11 - sum%11
	return check%11 == int(d[9]-'0') && check != 10
}

// vinCheck checks the ninth character of a vehicle's number, which North
// American ones have (49 CFR 565.15).
func vinCheck(vin []byte) bool {
	const letters = "12345678.12345.7.923456789" // A to Z
	const weights = "\x08\x07\x06\x05\x04\x03\x02\x0a\x00\x09\x08\x07\x06\x05\x04\x03\x02"
	sum := 0
	for i, b := range vin {
		v := b - '0'
		if b >= 'A' {
			v = letters[b-'A'] - '0'
		}
		sum += int(v) * int(weights[i])
	}
	check := byte(sum%11) + '0'
	if sum%11 == 10 {
		check = 'X'
	}
	return vin[8] == check
}

// ibanLengths has the length of each country's IBAN (SWIFT's registry, release 99).
const ibanLengths = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"

// ibanLength is the length of a country's IBAN, 0 for a country that has none.
func ibanLength(a, b byte) int {
	for i := 0; i < len(ibanLengths); i += 4 {
		if ibanLengths[i] == a && ibanLengths[i+1] == b {
			return int(ibanLengths[i+2]-'0')*10 + int(ibanLengths[i+3]-'0')
		}
	}
	return 0
}

// countries are the codes of ISO 3166-1, and XK.
const countries = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZWXK"

// indianStates are the codes on Indian plates, licences and job cards.
const indianStates = "ANAPARASBRCGCHDDDLDNGAGJHPHRJHJKKAKLLALDMHMLMNMPMZNLODORPBPYRJSKTNTRTSUAUKUPWB"

// pairIn reports whether two letters are one of a list of pairs.
func pairIn(list string, a, b byte) bool {
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == a && list[i+1] == b {
			return true
		}
	}
	return false
}

// nino reports whether two letters begin a National Insurance number.
func ninoPrefix(a, b byte) bool {
	return strings.IndexByte("DFIQUV", a) < 0 && strings.IndexByte("DFIQUVO", b) < 0 && !pairIn("BGGBNKKNTNNTZZ", a, b)
}
