"""Writes the training data of the name and address model: labelled documents and word lists.

    generate.py -o DIR --django django-5.2.8.tar.gz [--seed 1] [--train 60000] [--held-out 4000]

DIR gets train.jsonl, heldout.jsonl (frames and names that training never sees) and
words.tsv (kind, word). A document is {"text", "spans": [[start, end, "name"|"address"]]}, in bytes of UTF-8.
"""
import argparse
import json
import os
import random
import re

from grammar import Grammar
from nouns import Nouns
from people import People, END, START
from places import EN_TYPES, Places
from realtext import Clean, django, talk
from slots import Slots
import places as P

HERE = os.path.dirname(os.path.abspath(__file__))
ROOTS = {"sentence": 22, "story": 10, "request": 16, "mail": 9, "bodyline": 9, "review": 10, "form": 10, "json": 9, "foreign": 10, "plain": 24, "numbers": 14}
MARKS = {START: ("name", END), P.START: ("address", P.END)}
EDGE = " \t\r\n,;:"


def document(text):
    """Takes the marks out of text and gives their spans, trimmed, in bytes."""
    out, spans, at, open_at = [], [], 0, None
    for c in text:
        if c in MARKS:
            open_at = (at, MARKS[c][0], len(out))
        elif c in (END, P.END):
            start, kind, first = open_at
            piece = "".join(out[first:])
            lead = len(piece) - len(piece.lstrip(EDGE))
            body = piece.strip(EDGE)
            if body:
                start += len(piece[:lead].encode())
                spans.append([start, start + len(body.encode()), kind])
        else:
            out.append(c)
            at += len(c.encode())
    return {"text": "".join(out), "spans": spans}


def typo(rng, text):
    i = rng.randrange(max(1, len(text) - 2))
    if any("\ue000" <= c <= "\ue003" for c in text[i:i + 2]):
        return text
    return rng.choice([text[:i] + text[i + 1:], text[:i] + text[i + 1:i + 2] + text[i:i + 1] + text[i + 2:], text[:i] + text[i:i + 1] + text[i:]])


def rough(rng, text):
    """What people and programs do to texts: case, lost punctuation, typing errors."""
    u = rng.random()
    if u < .09:
        text = text.lower()
    elif u < .115:
        text = text.upper()
    elif u < .13:
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
    if rng.random() < .02:
        text = rng.choice(["😀 ", "👍🏽 ", "→ ", "• ", "✅ ", "> ", "## ", "- ", "1) ", "“"]) + text
    if rng.random() < .02:
        text = text.replace("'", "’").replace('"', "”")
    return text


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
        if u < .70:
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
    out = {"given": set(), "surname": set(), "place": set(), "region": set(), "street": set(), "common": set(), "word": set()}
    token = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

    def add(kind, values, least=2):
        for v in values:
            out[kind].update(re.sub("'s$", "", t.lower().replace("’", "'")) for t in token.findall(v) if len(t) >= least)

    for culture, pool in maker.people.pools.items():
        add("given", pool["given"][:2500] if culture == "zh" else pool["given"])
        add("surname", pool["last"][:60000])
    for values in maker.places.cities.values():
        add("place", values, 3)
    add("region", maker.places.countries + maker.places.states)
    add("street", [t for t in EN_TYPES + maker.places.faker_suffixes if len(t) > 1])
    add("street", ("rue avenue boulevard place chemin allée impasse quai route cours bd av calle avenida plaza paseo camino calzada carrera ronda pasaje avda via viale piazza corso vicolo largo strada "
                   "contrada piazzale rua travessa praça alameda estrada rodovia straße strasse weg allee gasse platz str straat laan plein singel gracht kade ulica ul aleja al plac os náměstí nám tř třída "
                   "utca út tér köz körút gatan vägen gränd gata vej gade stræde vei gate veien katu tie kuja caddesi cad sokak sokağı sok bulvarı mahallesi улица ул проспект пр пер переулок наб cesta ulitsa prospekt nagar marg").split())
    add("common", maker.nouns.dictionary[:7000], 1)
    add("word", maker.nouns.dictionary[7000:45000])
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-o", required=True)
    ap.add_argument("--django", required=True)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--train", type=int, default=60000)
    ap.add_argument("--held-out", type=int, default=4000)
    a = ap.parse_args()
    rng = random.Random(a.seed)
    maker = Maker(rng)
    clean = Clean(maker.people, maker.nouns)
    real = django(a.django, clean, rng, 55 * a.train) + talk(clean)
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
