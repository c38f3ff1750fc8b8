"""A small context-free grammar: text files of rules, expanded at random.

A file has rules, one alternative a line:

    [greeting]
    {Hello|Hi|Dear} <given>,
    Good morning{, <given>|}!

{a|b|} is a choice, <rule> an expansion, \\n a line break; a backslash keeps the next
character as it is. A rule that begins with "+" is split: one line in eight goes to the
held-out frames and is never seen in training.
"""
import zlib


def held_out_line(line):
    return zlib.crc32(line.encode()) % 8 == 0


class Grammar:
    def __init__(self, rng):
        self.rng = rng
        self.rules = {}  # name -> [(line, tree)]
        self.split = set()
        self.functions = {}
        self.held_out = False

    def load(self, path):
        name = None
        for line in open(path, encoding="utf-8"):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]") and "|" not in line and "<" not in line:
                name = line[1:-1]
                if name.startswith("+"):
                    name = name[1:]
                    self.split.add(name)
                self.rules.setdefault(name, [])
                continue
            self.rules[name].append((line, parse(line)))

    def check(self):
        """Fails on a reference to a rule that nobody wrote."""
        def walk(node):
            if node[0] == "ref" and node[1] not in self.rules and node[1] not in self.functions:
                raise KeyError("no rule <%s>" % node[1])
            if node[0] in ("seq", "alt"):
                for n in node[1]:
                    walk(n)
        for alternatives in self.rules.values():
            for _, tree in alternatives:
                walk(tree)
        self.train, self.held = {}, {}
        for name, alternatives in self.rules.items():
            if name in self.split:
                self.held[name] = [t for l, t in alternatives if held_out_line(l)]
                self.train[name] = [t for l, t in alternatives if not held_out_line(l)]
            else:
                self.train[name] = self.held[name] = [t for _, t in alternatives]
            if not self.held[name]:
                self.held[name] = self.train[name]

    def make(self, name):
        f = self.functions.get(name)
        if f is not None:
            return f()
        return self.render(self.rng.choice((self.held if self.held_out else self.train)[name]))

    def render(self, node):
        kind, value = node
        if kind == "lit":
            return value
        if kind == "ref":
            return self.make(value)
        if kind == "alt":
            return self.render(self.rng.choice(value))
        return "".join([self.render(n) for n in value])


def parse(line):
    tree, rest = parse_seq(line, 0, "")
    assert rest == len(line), line
    return tree


def parse_seq(s, i, ends):
    out, lit = [], []

    def flush():
        if lit:
            out.append(("lit", "".join(lit)))
            lit.clear()

    while i < len(s):
        c = s[i]
        if c in ends:
            break
        if c == "\\":
            lit.append({"n": "\n", "t": "\t"}.get(s[i + 1], s[i + 1]))
            i += 2
        elif c == "{":
            flush()
            options = []
            while s[i] != "}":
                tree, i = parse_seq(s, i + 1, "|}")
                options.append(tree)
            out.append(("alt", options))
            i += 1
        elif c == "<":
            flush()
            j = s.index(">", i)
            out.append(("ref", s[i + 1:j]))
            i = j + 1
        else:
            lit.append(c)
            i += 1
    flush()
    return (out[0] if len(out) == 1 else ("seq", out)), i
