"""What a frame's <slots> stand for."""
import re

from nouns import DAYS, LANGS, MONTHS, PEOPLES, TECH, BODY_LIST
from people import CYRILLIC, END, START, transliterate

ADJ = ("new old good bad big small great late early free full empty red blue green cheap expensive happy sad tired busy ready broken lost important urgent "
       "wrong right nice quiet loud strong weak slow fast safe simple difficult strange famous local public private annual weekly daily monthly final first "
       "second last next recent modern ancient digital global national international financial medical legal technical social political creative effective "
       "missing valid invalid unknown common rare hot cold warm dry wet sharp bright dark deep heavy light long short tall young rich poor clean dirty fresh "
       "proud brave calm kind rude honest funny serious healthy sick dangerous delicious beautiful ugly amazing terrible awesome boring interesting").split()
NOUN = ("report meeting house car dog cat book phone letter invoice order contract project team office school company game song film movie story picture table "
        "computer laptop server database website app account password card bank money price budget salary tax loan rent ticket flight hotel trip train bus road "
        "bridge river garden kitchen window door key bag box parcel package delivery address number name email message call problem question answer idea plan "
        "design test result error bug code function program system network file folder document page article paper study research theory experiment model data "
        "chart market product service customer client patient doctor hospital medicine disease symptom treatment exam lesson course student teacher class degree "
        "job interview resume skill boss colleague friend family child baby wedding party birthday gift cake dinner lunch breakfast recipe coffee tea wine bread "
        "apple egg cheese chicken fish rice soup salad pizza weather rain snow summer winter morning evening night week month year day hour minute moment history "
        "war peace law court judge police crime election government president minister policy vote speech debate language word sentence essay poem novel chapter "
        "music concert guitar piano band album painting museum art theatre sport football tennis match race goal score player coach review opinion decision "
        "deadline schedule agenda task issue request complaint refund payment receipt subscription feature release update version license policy insurance claim").split()
WORDS = {
    "dew": "Rechnung Vertrag Termin Bestellung Paket Wohnung Auto Hund Konto Projekt Bericht Arbeit Schule Straße Stadt Haus Zeitung Buch Kaffee Zug Problem Frage Antwort Angebot Lieferung Versicherung Mitarbeiter Kunde Firma Besprechung",
    "frw": "facture contrat commande colis maison voiture chien compte projet rapport travail école rue ville livre café train problème question réponse offre livraison assurance client entreprise réunion rendez-vous",
    "esw": "factura contrato pedido paquete casa coche perro cuenta proyecto informe trabajo escuela calle ciudad libro café tren problema pregunta respuesta oferta entrega seguro cliente empresa reunión cita",
    "itw": "fattura contratto ordine pacco casa macchina cane conto progetto relazione lavoro scuola strada città libro caffè treno problema domanda risposta offerta consegna assicurazione cliente azienda riunione",
    "nlw": "factuur contract bestelling pakket huis auto hond rekening project rapport werk school straat stad boek koffie trein probleem vraag antwoord offerte levering verzekering klant bedrijf vergadering afspraak",
    "ptw": "fatura contrato pedido pacote casa carro cachorro conta projeto relatório trabalho escola rua cidade livro café trem problema pergunta resposta oferta entrega seguro cliente empresa reunião consulta",
    "ruw": "договор заказ отчёт проект счёт дом автомобиль поезд сервер сайт документ товар магазин вопрос ответ",
}
TITLES = ("Mr. Mr. Mr Mrs. Mrs Ms. Ms Miss Dr. Dr. Dr Prof. Prof Professor Doctor Sir Madam Mister Rev. Capt. Sgt. Lt. Col. Gen. Sen. Rep. Gov. Hon. Fr. Sr. Herr Frau "
          "M. Mme Monsieur Madame Señor Señora Sra. Don Doña Signor Signora Sig. Dhr. Mevr. Pan Pani Shri Smt. Lord Lady Dame Detective Judge Officer Nurse Coach").split()
DOMAINS = "example.com gmail.com yahoo.com outlook.com hotmail.com web.de orange.fr mail.ru example.org corp.net company.io acme.co.uk".split()


def ascii_word(s):
    return re.sub(r"[^a-z0-9]", "", s.lower().encode("ascii", "ignore").decode()) or "user"


class Slots:
    def __init__(self, rng, grammar, people, places, nouns):
        self.rng, self.g, self.p, self.q, self.n = rng, grammar, people, places, nouns
        r = rng
        pick = lambda values: lambda: r.choice(values)
        f = grammar.functions
        f.update(P=self.full, G=lambda: self.p.mark(self.p.given()), N=lambda: f["P" if r.random() < .5 else "G"](), T=self.titled,
                 L0=lambda: self.p.mark(self.p.last() if r.random() < .75 else self.p.full()), Lm=lambda: self.p.mark(self.p.last()),
                 L=lambda: self.p.mark(self.p.last()), Pn=lambda: f["P" if r.random() < .85 else "G"](), Plf=self.last_first, Pc=lambda: self.last_first() if r.random() < .3 else self.full(),
                 Pq=lambda: self.full().replace("'", "''"), Pu=lambda: self.full().replace(" ", r.choice(["+", "%20"])).replace(",", "%2C"), Ru=self.russian,
                 A=lambda: self.q.mark(self.q.address()), AI=lambda: self.q.mark(self.q.address(inline=True)), AIq=lambda: self.q.mark(self.q.address(inline=True)).replace("'", "''"),
                 AS=lambda: self.q.mark(self.q.street(r.choices(self.q.kinds, self.q.weights)[0]).replace("\n", ", ")),
                 ARu=lambda: self.q.mark(self.q.street("ru") + r.choice(["", ", " + self.q.city("ru")])))
        f.update(org=nouns.org, brand=nouns.brand, thing=nouns.thing, product=nouns.product, city=places.city, country=nouns.country, title=nouns.title, event=nouns.event, heading=nouns.heading, body=pick(BODY_LIST),
                 food=pick(nouns.foods), lang=pick(LANGS), tech=pick(TECH), cap=nouns.cap, cap2=lambda: "".join(r.choice("ABCDEFGHKLMNPRSTUVWXZ") for _ in range(2)), word=nouns.word,
                 adj=lambda: r.choice(ADJ) if r.random() < .7 else nouns.word(), noun=lambda: r.choice(NOUN) if r.random() < .7 else nouns.word(), num=self.number,
                 year=lambda: str(r.randrange(1850, 2030)), date=self.date, day=pick(DAYS), month=pick(MONTHS), time=self.time, phone=self.phone, email=self.email,
                 job=lambda: r.choice(nouns.jobs).split(",")[0].lower() if r.random() < .6 else r.choice("doctor lawyer nurse teacher engineer driver plumber singer actor writer painter player professor manager analyst designer developer chef farmer pilot judge".split()),
                 Job=lambda: r.choice(nouns.jobs), nationality=pick(PEOPLES), ident=self.identifier, onm=self.other_name, line=self.line, WORD=lambda: nouns.word().upper())
        f.update(acr=lambda: "".join(r.choice("ABCDEFGHIJKLMNOPRSTUVWXYZ") for _ in range(r.randrange(2, 6))), acr1=lambda: r.choice("ABCDEF"), code=self.code, plate=self.plate)
        for slot, culture in (("Zh", "zh-han"), ("Ja", "ja-han"), ("Ko", "ko-hangul"), ("Ar", "ar-script"), ("Hi", "hi-script"), ("El", "el-script"), ("He", "he-script")):
            f[slot] = lambda c=culture: self.p.mark(self.native(c))
        f["salad"] = self.salad
        f.update(Subj=self.upper_first("subj"), Other=self.upper_first("other"))
        for name, words in WORDS.items():
            f[name] = pick(words.split())

    def upper_first(self, rule):
        def make():
            s = self.g.make(rule)
            for i, c in enumerate(s):
                if c.isalnum():
                    # a name in lower case begins a sentence in lower case now and then
                    return s if i and s[i - 1] in START and self.rng.random() < .8 else s[:i] + c.upper() + s[i + 1:]
            return s
        return make

    def full(self):
        return self.p.mark(self.p.full())

    def last_first(self):
        culture = self.p.culture()
        return self.p.mark(self.p.last(culture) + ", " + self.p.given(culture))

    def titled(self):
        r = self.rng
        name = self.p.last() if r.random() < .65 else self.p.full() if r.random() < .7 else self.p.given()
        return r.choice(TITLES) + " " + self.p.mark(name)

    def russian(self):
        culture = self.rng.choice(["ru", "ru", "uk", "bg"])
        given, last = self.p.pick(culture, "given"), self.p.pick(culture, "last")
        return self.p.mark(self.rng.choice([given + " " + last, last + " " + given, given, given[0] + ". " + last, last + " " + given[0] + "."]))

    def salad(self):
        """Words of another language in no order, with somebody among them or not."""
        r = self.rng
        language = r.choice(["de", "de", "de", "fr", "es", "it", "nl", "pl", "pt"] + list(self.n.foreign))
        parts = [self.n.chunk(language)]
        for _ in range(r.randrange(0, 3)):
            parts.append(self.g.make(r.choice(["P", "P", "G", "G", "L", "T", "city", "org", "country", "num"])))
            parts.append(self.n.chunk(language) if r.random() < .8 else "")
        if r.random() < .1:
            parts.append(self.g.make("AI"))
        text = " ".join(p for p in parts if p)
        return text[:1].upper() + text[1:] + r.choice([".", ".", "!", "?", ",", ""])

    def native(self, culture):
        """A name in the script of its culture."""
        given, last = self.p.pick(culture, "given"), self.p.pick(culture, "last")
        if culture.endswith(("-han", "-hangul")):
            return last + given if culture != "ja-han" or self.rng.random() < .6 else last + self.rng.choice(["", " "]) + given
        return given + " " + last if self.rng.random() < .7 else given

    def number(self):
        return str(int(10 ** self.rng.uniform(0, 5)))

    def date(self):
        r = self.rng
        d, m, y = r.randrange(1, 29), r.randrange(1, 13), r.randrange(1950, 2030)
        month = MONTHS[m - 1]
        return r.choice(["%d-%02d-%02d" % (y, m, d), "%02d/%02d/%d" % (m, d, y), "%d.%d.%d" % (d, m, y), "%s %d, %d" % (month, d, y), "%d %s %d" % (d, month, y), "%s %d" % (month[:3], d), "%d %s" % (d, month), "%d-%s-%d" % (d, month[:3], y)])

    def time(self):
        r = self.rng
        return r.choice(["%d:%02d" % (r.randrange(24), r.randrange(60)), "%d%s" % (r.randrange(1, 13), r.choice(["am", "pm", " p.m."])), "%02d:%02d:%02d" % (r.randrange(24), r.randrange(60), r.randrange(60)), "noon"])

    def phone(self):
        r = self.rng
        form = r.choice(["(###) ###-####", "###-###-####", "+1 ### ### ####", "+44 20 #### ####", "0## ### ## ##", "+49 ### #######", "###.###.####", "##########", "+##-##-###-####", "07### ######", "001-###-###-####x###", "## ## ## ## ##"])
        return re.sub("#", lambda _: r.choice("0123456789"), form)

    def fill(self, form):
        """# is a digit, @ a capital letter, % either, x a hexadecimal digit."""
        r = self.rng
        kinds = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "%": "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "x": "0123456789abcdef"}
        return "".join(r.choice(kinds[c]) if c in kinds else c for c in form)

    def plate(self):
        return self.fill(self.rng.choice(["@@@ ###", "@@@-####", "#@@@###", "@@## @@@", "@ @@ ####", "##-@@-##", "@@-###-@@", "@@@###", "@-@@ ###", "###-@@@", "@@ #####", "@@####@@", "@### @@@"]))

    def code(self):
        r = self.rng
        u = r.random()
        if u < .25:  # groups of digits, in all the ways that numbers are written
            return r.choice([" ", " ", "-", ".", "/", ""]).join("".join(r.choice("0123456789") for _ in range(r.choice([2, 3, 3, 4, 4, 5, 6]))) for _ in range(r.randrange(1, 6)))
        if u < .35:
            return r.choice(["", "", "+"]) + r.choice([self.phone(), "+%d %s" % (r.randrange(1, 99), self.fill(r.choice(["#### ######", "## ## ## ## ##", "##### #####", "(0)## ### ## ##"])))]) + r.choice(["", "", "", " ext. 12", "x345"])
        if u < .45:
            return self.fill("@@## ") + r.choice([" ", ""]).join(self.fill("####") for _ in range(r.randrange(3, 7))) + self.fill(r.choice(["", " ##", "#"]))
        if u < .55:
            return self.fill(r.choice(["%%%%%%%%%%%%%%%%%", "#@@%%%%%%%%######", "@@@@@####@", "@@@@@@##", "@@@@@@%%%%%", "@@######@", "@@ ## ## ## @", "@####-#####-#####", "@###-###-##-###-#", "%%%-%%%-%%%%", "########@", "#### ### ### @@", "@#########"]))
        if u < .65:
            return self.fill(r.choice(["xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx", "xxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xx:xx:xx:xx:xx:xx", "xx-xx-xx-xx-xx-xx", "xxxx:xx:xxxx::xxxx", "##.##.#.###", "#.##.#", "v#.#.##", "###.##.###.#", "XX-XX-XX-XX-XX-XX".replace("X", "%")]))
        if u < .75:
            return self.date()
        if u < .82:
            return self.email()
        if u < .88:
            return self.plate()
        if u < .92:
            return "$" + self.number() + r.choice(["", ".%02d" % r.randrange(100), ",000"])
        return self.fill(r.choice(["###-#-####-####-#", "##########", "####-####-####-####", "###-##-####", "### ### ###", "## ## ## ###", "#####-####", "##/##", "(###) ###-####", "#-##-######-#"]))

    def email(self):
        r = self.rng
        a, b = ascii_word(self.p.given("en")), ascii_word(self.p.last("en"))
        return r.choice([a + "." + b, a[0] + b, a + b, b + a, a + "_" + b, a + str(r.randrange(99)), "info", "support"]) + "@" + r.choice(DOMAINS + [b + ".com", b + "-" + a + ".net"])

    def identifier(self):
        w = self.n.word
        return self.rng.choice([w() + "_" + w(), w() + w().capitalize(), w(), w().upper() + "_" + w().upper(), "self." + w(), w() + "." + w()])

    def other_name(self):
        w = self.n.word
        return self.rng.choice([self.n.product, self.n.org, self.n.title, self.n.heading, lambda: w() + "-" + w(), lambda: w() + "_" + w(), lambda: w() + "/" + w(), lambda: "@" + w() + "/" + w(), w, lambda: w() + ".txt", lambda: w().capitalize() + " " + w()])()

    def line(self):
        s = self.g.make(self.rng.choice(["sentence", "request", "plain", "bodyline"]))
        return s.replace('"', '\\"').replace("\n", "\\n")
