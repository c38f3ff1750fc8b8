package fold

import "unicode"

// gone stands for a character that is left out.
const gone = -1

// plain gives the character that r is replaced by before normalization: r
// itself for most, gone for one that nobody sees.
func plain(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r < 0x2000:
		return plainLow(r)
	case r <= 0x206f:
		return plainPunctuation(r)
	}
	switch r {
	case 0x20e3, 0xfeff, 0xfffc: // the frame of a keycap, the byte order mark, the object placeholder
		return gone
	case 0x2212, 0x2796, 0x2e3a, 0x2e3b, 0x2e40, 0xfe31, 0xfe32, 0xfe58, 0xfe63, 0x10ead:
		return '-'
	case 0x2800, 0x3000, 0x3164, 0xffa0:
		return ' '
	case 0x2215, 0x2571, 0x29f8:
		return '/'
	case 0x2219, 0x22c5, 0x2e31, 0x3002, 0x30fb, 0xff61, 0xff65:
		return '.'
	case 0x2236, 0xa789, 0xfe13, 0xfe55:
		return ':'
	case 0x275b, 0x275c:
		return '\''
	case 0x275d, 0x275e, 0x301d, 0x301e, 0x301f:
		return '"'
	case 0x3001:
		return ','
	}
	switch {
	case r >= 0xff01 && r <= 0xff5e: // full width: as NFKC does, at less cost
		return r - 0xfee0
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe01ef: // variation selectors, tags
		return gone
	case r >= 0x2776 && r <= 0x277e: // digits in black circles
		return '1' + r - 0x2776
	case r >= 0x1f150 && r <= 0x1f169: // letters in black circles
		return 'A' + r - 0x1f150
	case r >= 0x1f170 && r <= 0x1f189: // and in black squares
		return 'A' + r - 0x1f170
	}
	return digit(r)
}

// plainLow does that for characters below U+2000.
func plainLow(r rune) rune {
	switch r {
	case 0x85:
		return '\n'
	case 0xa0, 0x1680:
		return ' '
	case 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d, 0x180e:
		return gone
	case 0x2d7, 0x58a, 0x5be, 0x1400, 0x1806:
		return '-'
	case 0xb4, 0x2b9, 0x2bb, 0x2bc, 0x2bd, 0x2c8:
		return '\''
	case 0xab, 0xbb:
		return '"'
	case 0xb7, 0x387:
		return '.'
	case 0x2d0, 0x589:
		return ':'
	case 0x251:
		return 'a'
	case 0x261:
		return 'g'
	case 0x66b, 0x6d4:
		return '.'
	case 0x66c, 0x60c:
		return ','
	}
	if r < 0x660 {
		return r
	}
	return digit(r)
}

// plainPunctuation does that for the block of general punctuation.
func plainPunctuation(r rune) rune {
	switch {
	case r <= 0x200a, r == 0x202f, r == 0x205f:
		return ' '
	case r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060:
		return gone
	case r <= 0x2015, r == 0x2043:
		return '-'
	case r == 0x2018, r == 0x2019, r == 0x201b, r == 0x2032, r == 0x2035, r == 0x2039, r == 0x203a:
		return '\''
	case r == 0x201a:
		return ','
	case r >= 0x201c && r <= 0x201f, r == 0x2033, r == 0x2036:
		return '"'
	case r == 0x2027:
		return '.'
	case r == 0x2022:
		return '*'
	case r == 0x2028, r == 0x2029:
		return '\n'
	case r == 0x2044:
		return '/'
	}
	return r
}

// digit gives the ASCII digit of the same value for any script's decimal digit,
// and r for what is none. In Unicode's table they stand in tens, zero first.
func digit(r rune) rune {
	if !unicode.Is(unicode.Nd, r) {
		return r
	}
	for _, d := range unicode.Nd.R16 {
		if r <= rune(d.Hi) && r >= rune(d.Lo) {
			return '0' + (r-rune(d.Lo))%10
		}
	}
	for _, d := range unicode.Nd.R32 {
		if r <= rune(d.Hi) && r >= rune(d.Lo) {
			return '0' + (r-rune(d.Lo))%10
		}
	}
	return r
}
