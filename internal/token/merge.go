package token

import "slices"

// Byte pair encoding starts with a piece's bytes and merges, again and again, the
// leftmost of the pairs of neighbours that make the token of the lowest rank,
// until no pair makes a token.

// shortPiece is the length in bytes up to which looking for the lowest rank in
// all pairs is faster than keeping a heap of them.
const shortPiece = 64

// merger has the buffers for encoding. Its zero value works; it serves one piece
// at a time.
type merger struct {
	next, previous []int32
	rank           []uint32 // of the pair that starts here
	heap           []uint64 // rank<<32 | start, a binary heap
}

// count returns how many tokens piece makes.
func (m *merger) count(v *vocabulary, piece []byte) int {
	if len(piece) <= shortPiece {
		return countShort(v, piece)
	}
	return m.countLong(v, piece)
}

// countShort takes time that grows with the square of the length.
func countShort(v *vocabulary, piece []byte) int {
	var starts [shortPiece + 1]uint8 // of the parts, and the piece's end
	var ranks [shortPiece + 1]uint32 // of the pair of parts that starts here
	n := len(piece)
	for i := range n + 1 {
		starts[i] = uint8(i)
		if ranks[i] = noRank; i+2 <= n {
			ranks[i] = v.rank(piece[i : i+2])
		}
	}
	for {
		at, lowest := 0, uint32(noRank)
		for i, r := range ranks[:n] {
			if r < lowest {
				at, lowest = i, r
			}
		}
		if lowest == noRank {
			return n
		}
		copy(starts[at+1:n], starts[at+2:n+1])
		copy(ranks[at+1:n], ranks[at+2:n+1])
		n--
		for i := max(at-1, 0); i <= at; i++ {
			if ranks[i] = noRank; i+2 <= n {
				ranks[i] = v.rank(piece[starts[i]:starts[i+2]])
			}
		}
	}
}

// countLong takes n log n steps.
func (m *merger) countLong(v *vocabulary, piece []byte) int {
	n := len(piece)
	m.next = slices.Grow(m.next[:0], n+1)[:n+1]
	m.previous = slices.Grow(m.previous[:0], n+1)[:n+1]
	m.rank = slices.Grow(m.rank[:0], n+1)[:n+1]
	m.heap = m.heap[:0]
	for i := range n + 1 {
		m.next[i], m.previous[i] = int32(min(i+1, n)), int32(i-1)
		if m.rank[i] = noRank; i+2 <= n {
			m.set(i, v.rank(piece[i:i+2]))
		}
	}
	count := n
	for len(m.heap) > 0 {
		low := m.pop()
		i := int(uint32(low))
		if m.rank[i] != uint32(low>>32) {
			continue // merged since, or paired with another
		}
		gone := m.next[i]
		after := m.next[gone]
		m.next[i], m.rank[gone] = after, noRank
		m.previous[after] = int32(i)
		count--
		m.set(i, m.pair(v, piece, i))
		if p := int(m.previous[i]); p >= 0 {
			m.set(p, m.pair(v, piece, p))
		}
	}
	return count
}

// pair returns the rank of the part that starts at i together with its successor.
func (m *merger) pair(v *vocabulary, piece []byte, i int) uint32 {
	second := int(m.next[i])
	if second == len(piece) {
		return noRank
	}
	return v.rank(piece[i:m.next[second]])
}

func (m *merger) set(i int, rank uint32) {
	if m.rank[i] = rank; rank != noRank {
		m.push(uint64(rank)<<32 | uint64(i))
	}
}

func (m *merger) push(x uint64) {
	h := append(m.heap, x)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] > x {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = x
	m.heap = h
}

func (m *merger) pop() uint64 {
	h := m.heap
	top, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for 2*i+1 < len(h) {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[child] >= x {
			break
		}
		h[i] = h[child]
		i = child
	}
	if len(h) > 0 {
		h[i] = x
	}
	m.heap = h
	return top
}
