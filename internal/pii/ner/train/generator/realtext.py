"""Real text with nobody in it: documentation, code and talk with licences that allow it.

Whatever seems to hold a person's name is left out, for nobody has labelled it.
"""
import glob
import os
import re
import tarfile

import chatterbot_corpus
import yaml

CREDIT = re.compile(r"(?i)\bauthors?\b|thanks to|contributed by|written by|copyright|maintain|signed-off|@\w+\.|\breported by\b|credit")
WORD = re.compile(r"[^\W\d_]+")


class Clean:
    def __init__(self, people, nouns):
        common = set(nouns.dictionary[:9000])
        en = people.pools["en"]["given"]
        self.names = {n for n in en[:1600]} | {n for pool in people.pools.values() for n in pool["given"] if len(n) > 2 and n.lower() not in common}
        self.names -= {"Will", "May", "Mark", "Art", "Grant", "Bill", "Page", "Chase", "Rich", "Long", "Miles", "Hope", "Grace", "Frank", "Dean", "Major", "See", "In", "An", "My", "Le", "La", "De", "Do", "Python", "Django",
                       "Many", "So", "Un", "Sun", "Else", "Value", "Note", "Love", "Lane", "Bar", "Site", "Sky", "April", "June", "August", "Summer", "Drew", "Cookie", "Data", "Token", "Jean", "Virginia", "Georgia", "Carolina"}

    def ok(self, text):
        if CREDIT.search(text):
            return False
        return not any(w in self.names for w in WORD.findall(text) if w[0].isupper())


def paragraphs(text, size):
    """Blocks of whole paragraphs, about size characters each."""
    out, block = [], ""
    for part in re.split(r"\n\s*\n", text):
        if len(part) > 3 * size:
            continue
        if len(block) + len(part) > size and block:
            out.append(block)
            block = ""
        block += ("\n\n" if block else "") + part
    return out + [block] if block else out


SKIP = re.compile(r"(^|/)(tests?|internals|contributing|security|locale-data|history|changelog|whatsnew|userguide/faq)(/|\.|$)|AUTHORS|CONTRIBUTORS|LICENSE|min\.js|Changelog|THANKS|releases/security", re.I)
LANGUAGES = re.compile(r"/locale/(de|fr|es|it|nl|pt|pt_BR|pl|cs|sv|da|nb|fi|tr|ro|hu|id|hr|ru|uk|sk|es_MX)/.*django\.po$")


def sources(folder, clean, rng, limit):
    """Documentation, code and translations from source distributions under BSD and MIT licences: see DATASHEET.md."""
    prose, code, po = [], [], []
    paths = sorted(glob.glob(os.path.join(folder, "*.tar.gz")))
    if not paths:
        raise SystemExit("no source distributions in " + folder)
    for path in paths:
        with tarfile.open(path) as tar:
            for member in sorted(tar.getmembers(), key=lambda m: m.name):
                name = member.name.split("/", 1)[-1]
                if not member.isfile() or SKIP.search(name) or member.size > 400000:
                    continue
                text = lambda: tar.extractfile(member).read().decode(errors="ignore")
                if name.startswith("docs/") and name.endswith((".txt", ".rst", ".md")):
                    prose += paragraphs(text(), rng.choice([200, 500, 1500]))
                elif name.endswith((".py", ".js", ".ts", ".html", ".css", ".toml", ".sh")):
                    code += paragraphs(text(), rng.choice([300, 1000, 2000]))
                elif LANGUAGES.search(name):
                    lines = [re.sub(r"%\(?\w*\)?s", "12", m).replace("\\n", "\n") for m in re.findall(r'msgstr "(.{12,})"', text())]
                    po += [" ".join(lines[i:i + 4]) for i in range(0, len(lines), 4)]
    out = []
    for values, share in ((prose, .45), (code, .4), (po, .15)):
        values = [v for v in values if clean.ok(v)]
        rng.shuffle(values)
        total = 0
        for v in values:
            if total > limit * share:
                break
            total += len(v)
            out.append(v)
    return out


def talk(clean):
    """Question and answer pairs of chatterbot-corpus (BSD-3-Clause)."""
    out = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(chatterbot_corpus.__file__), "data", "*", "*.yml"))):
        language, name = path.split(os.sep)[-2:]
        if language not in ("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "turkish", "indonesian", "russian") or name in ("movies.yml", "literature.yml", "history.yml", "trivia.yml"):
            continue
        with open(path, encoding="utf-8") as f:
            for pair in (yaml.safe_load(f) or {}).get("conversations", []):
                text = "\n".join(str(s) for s in pair if s)
                if clean.ok(text) and len(text) < 3000:
                    out.append(text)
    return out
