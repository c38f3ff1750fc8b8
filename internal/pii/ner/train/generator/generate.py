"""Writes the training data of the name and address model: labelled documents and word lists.

    generate.py -o DIR --sources DIR [--seed 1] [--train 150000] [--held-out 4000]

DIR gets train.jsonl, heldout.jsonl (frames and names that training never sees) and
words.tsv (kind, word). A document is {"text", "spans": [{"start", "end", "type"}]}, in code points.
"""
import argparse
import collections
import json
import os
import random
import re

from grammar import Grammar
from nouns import Nouns
from people import People, END, START
from places import EN_TYPES, Places
from realtext import Clean, sources, talk
from slots import Slots, TITLES
import places as P

HERE = os.path.dirname(os.path.abspath(__file__))
ROOTS = {"sentence": 22, "story": 10, "request": 16, "mail": 9, "bodyline": 9, "review": 10, "form": 10, "json": 9, "foreign": 10, "plain": 24, "numbers": 14, "scripts": 3, "salads": 5, "dialogue": 7, "capitals": 4, "lists": 9}
MARKS = {START: ("name", END), P.START: ("address", P.END)}
EDGE = " \t\r\n,;:"


def document(text):
    """Takes the marks out of text and gives their spans, trimmed."""
    out, spans, first, kind = [], [], 0, None
    for c in text:
        if c in MARKS:
            first, kind = len(out), MARKS[c][0]
        elif c in (END, P.END):
            piece = "".join(out[first:])
            body = piece.strip(EDGE)
            if body:
                start = first + len(piece) - len(piece.lstrip(EDGE))
                spans.append({"start": start, "end": start + len(body), "type": kind})
        else:
            out.append(c)
    return {"text": "".join(out), "spans": spans}


def typo(rng, text):
    i = rng.randrange(max(1, len(text) - 2))
    if any("\ue000" <= c <= "\ue003" for c in text[i:i + 2]):
        return text
    return rng.choice([text[:i] + text[i + 1:], text[:i] + text[i + 1:i + 2] + text[i:i + 1] + text[i + 2:], text[:i] + text[i:i + 1] + text[i:]])


def rough(rng, text):
    """What people and programs do to texts: case, lost punctuation, typing errors."""
    u = rng.random()
    if u < .11:
        text = text.lower()
    elif u < .135:
        text = text.upper()
    elif u < .15:
        text = re.sub(r"(?<=\s)([a-z])", lambda m: m[1].upper(), text)
    if rng.random() < .06:
        text = text.rstrip(".!?\n")
    if rng.random() < .03:
        text = re.sub(r"[,.!?]", "", text)
    if rng.random() < .05:
        for _ in range(1 + len(text) // 100):
            text = typo(rng, text)
    if rng.random() < .02:
        text = text.replace(" ", "  ")
    if rng.random() < .025:  # quoted, or indented
        mark = rng.choice(["> ", "> ", ">", "  ", "    ", "\t", "# ", "// ", "| "])
        text = mark + text.replace("\n", "\n" + mark)
    if rng.random() < .02:
        text = rng.choice(["😀 ", "👍🏽 ", "→ ", "• ", "✅ ", "> ", "## ", "- ", "1) ", "“"]) + text
    if rng.random() < .02:
        text = text.replace("'", "’").replace('"', "”")
    return text


PRONOUN = re.compile(r"\b(he|she|they|it|we|you|I|him|them|someone|users|developers|everyone|people)\b(?!')")
SUBJECT = re.compile(r"(?i)\b(the|a|your|an) (user|developer|author|client|visitor|person|customer|programmer|administrator|team|manager|browser|server|application|admin|editor|reader|reporter)\b")


def inhabit(rng, slots, text):
    """Puts persons into real text, in the place of a pronoun or of "the user"."""
    pattern = SUBJECT if rng.random() < .4 else PRONOUN
    share = rng.uniform(.1, .7)
    return pattern.sub(lambda m: slots.make(rng.choice(["P", "P", "G", "G", "L", "T"])) if rng.random() < share else m[0], text)


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.people = People(rng)
        self.places = Places(rng, self.people)
        self.nouns = Nouns(rng, self.people, self.places)
        self.grammar = Grammar(rng)
        for name in sorted(os.listdir(os.path.join(HERE, "frames"))):
            self.grammar.load(os.path.join(HERE, "frames", name))
        Slots(rng, self.grammar, self.people, self.places, self.nouns)
        self.grammar.check()
        self.roots, self.weights = list(ROOTS), list(ROOTS.values())

    def text(self, negatives):
        r = self.rng
        one = lambda: self.grammar.make(r.choices(self.roots, self.weights)[0])
        u = r.random()
        if u < .10 and negatives:
            parts = re.split(r"\n\n|(?<=\.) ", r.choice(negatives))
            i = r.randrange(len(parts))
            text = inhabit(r, self.grammar, " ".join(parts[i:i + r.randrange(1, 4)])[:800])
        elif u < .70:
            text = one()
        elif u < .85:
            text = one() + r.choice(["\n\n", "\n", " ", "\n\n"]) + one()
        elif u < .92:
            text = "\n".join(one() for _ in range(r.randrange(2, 5)))
        else:
            parts = [one(), r.choice(negatives)[:1500]] if negatives else [one()]
            r.shuffle(parts)
            text = "\n\n".join(parts)
        return rough(r, text)


def words(maker):
    """kind -> words in lower case, single tokens only."""
    out = {"given": set(), "surname": set(), "place": set(), "region": set(), "street": set(), "common": set(), "word": set(), "frequent": set(), "family": set(), "foreign": set(), "title": set()}
    token = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+(?:['’][^\W\d_]+)?")  # one Han or Kana character, or a word

    def add(kind, values, least=2):
        for v in values:
            out[kind].update(re.sub("'(s|t|m|d|ll|re|ve)$", "", t.lower().replace("’", "'")) for t in token.findall(v) if len(t) >= least or t >= "\u3040")

    for culture, pool in maker.people.pools.items():
        add("given", pool["given"][:2500] if culture == "zh" else pool["given"])
        add("surname", pool["last"][:45000])
    en = maker.people.pools["en"]
    add("frequent", en["given"][:1200], 3)
    in_lists = collections.Counter(g for pool in maker.people.pools.values() for g in set(pool["given"]))
    add("frequent", [g for g, n in in_lists.items() if n > 3], 3)
    add("family", en["last"][:3000], 3)
    for values in maker.places.cities.values():
        add("place", values, 3)
    add("region", maker.places.countries + maker.places.states)
    add("street", [t for t in EN_TYPES + maker.places.faker_suffixes if len(t) > 1])
    add("street", ("rue avenue boulevard place chemin allée impasse quai route cours bd av calle avenida plaza paseo camino calzada carrera ronda pasaje avda via viale piazza corso vicolo largo strada "
                   "contrada piazzale rua travessa praça alameda estrada rodovia straße strasse weg allee gasse platz str straat laan plein singel gracht kade ulica ul aleja al plac os náměstí nám tř třída "
                   "utca út tér köz körút gatan vägen gränd gata vej gade stræde vei gate veien katu tie kuja caddesi cad sokak sokağı sok bulvarı mahallesi улица ул проспект пр пер переулок наб cesta ulitsa prospekt nagar marg").split())
    add("common", maker.nouns.dictionary[:7000], 1)
    for values in maker.nouns.foreign.values():
        add("foreign", values)
    add("title", TITLES + "brother sister uncle aunt king queen prince princess president senator mayor captain sergeant chef pastor imam sheikh rabbi minister chancellor colonel lieutenant cousin grandma grandpa "
        "estimado estimada querido querida geachte beste lieve liebe lieber sehr cher chère caro cara gentile egregio signorina mlle maître docteur dott dottssa avv ing dra mrs heer mevrouw mej fru господин госпожа".split())
    add("word", maker.nouns.dictionary[7000:45000])
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-o", required=True)
    ap.add_argument("--sources", required=True, help="folder with source distributions (*.tar.gz)")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--train", type=int, default=150000)
    ap.add_argument("--held-out", type=int, default=4000)
    a = ap.parse_args()
    rng = random.Random(a.seed)
    maker = Maker(rng)
    clean = Clean(maker.people, maker.nouns)
    real = sources(a.sources, clean, rng, 60 * a.train) + talk(clean)
    rng.shuffle(real)
    cut = len(real) // 10
    os.makedirs(a.o, exist_ok=True)
    with open(os.path.join(a.o, "train.jsonl"), "w", encoding="utf-8") as f:
        docs = [document(maker.text(real[cut:])) for _ in range(a.train)] + [document(rough(rng, t)) for t in real[cut:]]
        rng.shuffle(docs)
        for d in docs:
            f.write(json.dumps(d, ensure_ascii=False) + "\n")
    maker.people.held_out = maker.grammar.held_out = True
    with open(os.path.join(a.o, "heldout.jsonl"), "w", encoding="utf-8") as f:
        for d in [document(maker.text([])) for _ in range(a.held_out)] + [document(t) for t in real[:cut]]:
            f.write(json.dumps(d, ensure_ascii=False) + "\n")
    with open(os.path.join(a.o, "words.tsv"), "w", encoding="utf-8") as f:
        for kind, values in words(maker).items():
            for w in sorted(values):
                f.write(kind + "\t" + w + "\n")


if __name__ == "__main__":
    main()
