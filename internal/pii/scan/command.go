package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// commands take a user with -u or a password with -p, -a or -w.
var commands = wordsOf(`mysql mysqldump mysqladmin mariadb psql curl wget docker podman nerdctl helm sshpass ldapsearch mongo mongosh mongodump sqlcmd
	smbclient htpasswd svn az redis redis-cli rabbitmqctl clickhouse cqlsh sqlplus net oc`)

// options looks for names and passwords in the arguments of commands.
func (sc *scanner) options() {
	s := sc.s
	for i := strings.Index(s, " -"); i >= 0; {
		sc.option(i + 1)
		next := strings.Index(s[i+1:], " -")
		if next < 0 {
			break
		}
		i += 1 + next
	}
	for t := 0; t+1 < len(sc.tokens); t++ {
		if tok := &sc.tokens[t]; tok.has == lower && tok.end-tok.start <= 7 && accountCommand(s[tok.start:tok.end]) && sc.at(tok.end) == ' ' && sc.at(tok.end+1) != '-' {
			if start, end := sc.argument(tok.end + 1); end > start && userLike(s[start:end]) && (marked(s[start:end]) || sc.at(end) < ' ') && !systemUsers.has(s[start:end]) {
				sc.add(start, end, pii.Username, likely)
			}
		}
	}
	for _, command := range []string{"chown ", "su - ", "sudo -u "} {
		for i := strings.Index(s, command); i >= 0; {
			sc.actAs(i + len(command))
			next := strings.Index(s[i+1:], command)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
}

// actAs takes the user, and the group behind a colon, that a command is given
// at i.
func (sc *scanner) actAs(i int) {
	start, end := sc.argument(i)
	if sc.at(start-1) == '"' && sc.endsLine(end) {
		return // chown "libc.so" names no file
	}
	for name := range strings.SplitSeq(sc.s[start:end], ":") {
		if len(name) >= 3 && userLike(name) && !systemUsers.has(name) && !placeholder(name) && (marked(name) || sc.s[start:end] != name || sc.endsLine(end)) {
			sc.add(start, start+len(name), pii.Username, likely)
		}
		start += len(name) + 1
	}
}

// accountCommand reports whether a word is a command whose last argument is a
// user's name.
func accountCommand(word string) bool {
	switch word {
	case "useradd", "adduser", "userdel", "deluser", "usermod", "chage", "finger":
		return true
	}
	return false
}

// option looks at the dash of an option at i.
func (sc *scanner) option(i int) {
	s := sc.s
	flag := sc.at(i + 1)
	if strings.IndexByte("uUpPaw", flag) < 0 || flag == 0 || !sc.inCommand(i) {
		return
	}
	at := i + 2
	glued := sc.at(at) != ' '
	if glued && flag != 'p' && flag != 'u' {
		return
	}
	if !glued {
		at++
	}
	start, end := sc.argument(at)
	value := s[start:end]
	if len(value) < 2 || placeholder(value) || value[0] == '-' {
		return
	}
	if flag == 'u' || flag == 'U' {
		user, password, two := strings.Cut(value, ":")
		if userLike(user+"x") && len(user) > 1 && !systemUsers.has(user) {
			sc.add(start, start+len(user), pii.Username, sure)
		}
		if two && len(password) > 2 {
			sc.add(start+len(user)+1, end, pii.Password, sure)
		}
		return
	}
	if len(value) < 4 || strings.Trim(value, "0123456789:.") == "" {
		return // a port
	}
	sc.add(start, end, pii.Password, sure)
}

// inCommand reports whether a command that takes passwords stands before i in its
// line.
func (sc *scanner) inCommand(i int) bool {
	line := sc.s[max(0, i-120):i]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	for word := range strings.FieldsSeq(line) {
		if commands.has(strings.Trim(word, "$`'\"(")) {
			return true
		}
	}
	return false
}

// argument gives a command's argument at i, without its quotes.
func (sc *scanner) argument(i int) (start, end int) {
	s := sc.s
	if i < len(s) && (s[i] == '"' || s[i] == '\'') {
		close := strings.IndexByte(s[i+1:min(len(s), i+80)], s[i])
		if close >= 0 {
			return i + 1, i + 1 + close
		}
	}
	end = i
	for end < len(s) && end-i < 80 && s[end] > ' ' && strings.IndexByte("\"'`|<>", s[end]) < 0 {
		end++
	}
	return min(i, len(s)), end
}
