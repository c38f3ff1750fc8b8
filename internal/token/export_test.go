package token

// Pieces returns the lengths of text's pieces.
func Pieces(e Encoding, text []byte) []int {
	v := loaders[e]()
	pieces := []int{}
	for len(text) > 0 {
		end, _ := v.split(v.classes, text)
		pieces = append(pieces, end)
		text = text[end:]
	}
	return pieces
}
