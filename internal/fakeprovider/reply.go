package fakeprovider

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// reply is what the fake says to a conversation.
type reply struct {
	id        string // of 24 characters, a function of the conversation
	model     string // a dated name, as the real APIs answer with
	words     []string
	tool      string // name of the tool it calls; then words are empty
	arguments string // of that call, JSON
	limited   bool   // cut short by the output maximum
	output    int64  // tokens, for all n
	letters   bool   // words are single characters, blanks among them
}

func (x *exchange) reply(c conversation) reply {
	if x.fault.say != "" {
		c.last = x.fault.say
	}
	sum := sha256.Sum256([]byte(c.model + "\x00" + c.last))
	r := reply{id: hex.EncodeToString(sum[:12]), model: answerModel(c.model)}
	switch {
	case c.tool != "" && !c.toolResult:
		r.tool, r.arguments, r.output = c.tool, string(encode(ordered{{c.toolArgument, c.last}})), toolTokens
	default:
		r.words = strings.Fields("You said: " + c.last)
		if c.toolResult {
			r.words = strings.Fields("The tool said: " + c.last)
		}
		if x.fault.echo {
			r.words = append(r.words, x.credential())
		}
		for len(r.words) < x.fault.words {
			r.words = append(r.words, "word")
		}
		if r.limited = c.maximum > 0 && int64(len(r.words)) > c.maximum && !x.fault.unbounded; r.limited {
			r.words = r.words[:c.maximum]
		}
		r.output = int64(len(r.words))
		if x.fault.letters {
			r.letters, r.words = true, strings.Split(r.text(), "")
		}
	}
	r.output = r.output*max(1, c.n) + x.fault.reasoning
	return r
}

func (r reply) text() string {
	if r.letters {
		return strings.Join(r.words, "")
	}
	return strings.Join(r.words, " ")
}

// piece is what stream event i of the text carries.
func (r reply) piece(i int) string {
	if i == 0 || r.letters {
		return r.words[i]
	}
	return " " + r.words[i]
}
