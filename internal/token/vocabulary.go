package token

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/pkoukk/tiktoken-go-loader/assets"
)

// vocabulary is a loaded encoding. It is immutable.
type vocabulary struct {
	ranks   map[string]uint32
	pairs   []uint32 // rank of each token of two bytes, by first<<8 | second
	longest int      // token, in bytes
	split   func(*classes, []byte) (end, seen int)
	classes *classes
}

// noRank is the rank of what is no token.
const noRank = math.MaxUint32

var loadClasses = sync.OnceValue(newClasses)

var loaders = map[Encoding]func() *vocabulary{
	O200kBase:  sync.OnceValue(func() *vocabulary { return load(O200kBase, splitO200k) }),
	CL100kBase: sync.OnceValue(func() *vocabulary { return load(CL100kBase, splitCL100k) }),
}

// load reads an embedded vocabulary: a line a token, its bytes in base64, a
// space, its rank. The files are part of the program, so a fault in one is a
// programmer's mistake, and a test reads each.
func load(e Encoding, split func(*classes, []byte) (end, seen int)) *vocabulary {
	file, err := assets.Assets.ReadFile(string(e) + ".tiktoken")
	if err != nil {
		panic(fmt.Sprintf("load vocabulary %s: %v", e, err))
	}
	v := &vocabulary{split: split, classes: loadClasses(), pairs: make([]uint32, 1<<16)}
	for i := range v.pairs {
		v.pairs[i] = noRank
	}
	lines := bytes.Count(file, []byte("\n"))
	v.ranks = make(map[string]uint32, lines)
	// All tokens are slices of one string, which spares an allocation for each.
	all, ends, ranks := make([]byte, 0, len(file)/2), make([]int, 0, lines), make([]uint32, 0, lines)
	for line := range bytes.Lines(file) {
		text, number, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if len(text) == 0 {
			continue
		}
		if all, err = base64.StdEncoding.AppendDecode(all, text); err != nil {
			panic(fmt.Sprintf("load vocabulary %s: %v", e, err))
		}
		rank, err := strconv.ParseUint(string(number), 10, 31)
		if err != nil {
			panic(fmt.Sprintf("load vocabulary %s: %v", e, err))
		}
		ends, ranks = append(ends, len(all)), append(ranks, uint32(rank))
	}
	text, start := string(all), 0
	for i, end := range ends {
		t := text[start:end]
		v.ranks[t] = ranks[i]
		if len(t) == 2 {
			v.pairs[int(t[0])<<8|int(t[1])] = ranks[i]
		}
		v.longest = max(v.longest, len(t))
		start = end
	}
	return v
}

// rank returns the rank of the token that b spells, noRank if there is none.
func (v *vocabulary) rank(b []byte) uint32 {
	if len(b) == 2 {
		return v.pairs[int(b[0])<<8|int(b[1])]
	}
	if len(b) > v.longest {
		return noRank
	}
	if r, ok := v.ranks[string(b)]; ok {
		return r
	}
	return noRank
}
