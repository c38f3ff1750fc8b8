"""Streets, towns and postal addresses of many countries, whole and in part."""
import re

from people import mimesis_json, unique, is_held_out
from faker import Faker
import importlib

START, END = "\ue002", "\ue003"

EN_TYPES = ("Street St St. Street Avenue Ave Ave. Road Rd Rd. Lane Ln Drive Dr Dr. Court Ct Boulevard Blvd Place Pl Way Terrace Close Crescent "
            "Square Parkway Pkwy Highway Hwy Circle Cir Trail Row Walk Hill Gardens Grove Mews Park Green View Alley Rise Quay Wharf Plaza Loop "
            "Path Pike Run Ridge Crossing Bend Gate Heights Meadow Meadows Mill Mount Pass Point Ranch Spring Springs Station Valley Villages Vista").split()
EN_WORDS = ("Main High Park Oak Maple Cedar Pine Elm Washington Lake Hill Church Mill Station Spring River Ridge Victoria King Queen King's Queen's "
            "Market Bridge School North South East West Broad Green Chestnut Walnut Willow Birch Sunset Highland Forest Meadow Jefferson Lincoln "
            "Jackson Franklin Adams Madison Monroe Cherry Dogwood Hickory Locust Magnolia Mulberry Orchard Pleasant Prospect Railroad Rose Summit "
            "Union Valley Vine Water Wood College Center Central Cross Court Front Garden George Grand Grove Harbour Industrial Liberty London Long "
            "Manor New Old Palace Poplar Priory Richmond Royal Saint Springfield St. John's St. Mary's The Commercial Albert Alexandra Canal Castle").split()
EN_CITIES_SMALL = "Springfield Riverside Fairview Georgetown Salem Clinton Greenville Bristol Dover Ashford Newport Kingston".split()
UNITS = ["Apt. %d", "Apt %d", "Apt #%d", "Suite %d", "Ste %d", "Unit %d", "#%d", "Flat %d", "Floor %d", "Room %d", "Apartment %d", "Apt. %dB", "Unit %dA", "Suite %d00"]
STATES = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI AS MP".split()
COUNTRY = {"en-us": ["USA", "United States", "U.S.A.", "US"], "en-gb": ["UK", "United Kingdom", "England", "Scotland", "Wales", "Great Britain"], "en-ca": ["Canada"],
           "en-au": ["Australia"], "en-ie": ["Ireland"], "en-in": ["India"], "de": ["Germany", "Deutschland", "Austria", "Österreich", "Switzerland"], "fr": ["France", "Belgique", "Belgium"],
           "es": ["Spain", "España", "Mexico", "Argentina", "Chile", "Colombia"], "it": ["Italy", "Italia"], "nl": ["Netherlands", "The Netherlands", "Nederland", "Belgium"],
           "pt": ["Brazil", "Brasil", "Portugal"], "pl": ["Poland", "Polska"], "cs": ["Czech Republic", "Czechia"], "hu": ["Hungary"], "sv": ["Sweden", "Sverige"],
           "da": ["Denmark", "Danmark"], "fi": ["Finland"], "no": ["Norway", "Norge"], "tr": ["Turkey", "Türkiye"], "ru": ["Россия"], "ru-latin": ["Russia"],
           "hr": ["Croatia", "Slovenia"], "ja": ["Japan"], "zh": ["China", "P.R. China", "Hong Kong", "Singapore"]}
WEIGHTS = {"en-us": 26, "en-gb": 12, "en-ca": 5, "en-au": 4, "en-ie": 1.5, "en-in": 3, "de": 6, "fr": 6, "es": 6, "it": 4, "nl": 5, "pt": 4, "pl": 3, "cs": 3, "hu": 2.5,
           "sv": 3, "da": 3, "fi": 2, "no": 2, "tr": 1, "ru": 1.5, "ru-latin": .7, "hr": 2.5, "ja": 1, "zh": 1}


def faker_list(locale, attribute):
    return [v if isinstance(v, str) else v[-1] for v in getattr(importlib.import_module("faker.providers.address." + locale).Provider, attribute)]


class Places:
    def __init__(self, rng, people):
        self.rng, self.people = rng, people
        m = {l: mimesis_json(l, "address") for l in "en en-gb en-au en-ca de de-at fr es es-mx it nl nl-be pl pt-br pt cs sk sv da fi no ru tr hu".split()}
        for l, d in m.items():  # a dialect's file holds only what differs from its language's
            d.setdefault("city", m[l[:2]].get("city", []))
        street = lambda l: m[l].get("street", {}).get("name", [])
        self.cities = {
            "en-us": m["en"]["city"], "en-gb": m["en-gb"]["city"], "en-au": m["en-au"]["city"], "en-ca": m["en-ca"]["city"], "en-ie": "Dublin Cork Galway Limerick Waterford Sligo Tralee".split(),
            "en-in": faker_list("en_IN", "cities"), "de": m["de"]["city"] + m["de-at"]["city"] + faker_list("de_DE", "cities"), "fr": m["fr"]["city"], "es": m["es"]["city"] + m["es-mx"]["city"],
            "it": m["it"]["city"] + sorted(faker_list("it_IT", "cities"))[::4], "nl": m["nl"]["city"] + m["nl-be"]["city"] + faker_list("nl_NL", "cities"), "pt": m["pt"]["city"] + m["pt-br"]["city"],
            "pl": m["pl"]["city"] + faker_list("pl_PL", "cities"), "cs": m["cs"]["city"] + m["sk"]["city"] + faker_list("cs_CZ", "cities"), "hu": m["hu"]["city"], "sv": m["sv"]["city"],
            "da": m["da"]["city"] + faker_list("da_DK", "cities"), "fi": m["fi"]["city"] + faker_list("fi_FI", "cities"), "no": m["no"]["city"], "tr": m["tr"]["city"], "ru": m["ru"]["city"],
            "hr": faker_list("sl_SI", "cities") + faker_list("hr_HR", "cities"),
            "ja": "Tokyo Osaka Kyoto Nagoya Sapporo Fukuoka Kobe Yokohama Sendai Hiroshima Chiba Niigata Shibuya-ku Minato-ku Shinjuku-ku Kita-ku".split(),
            "zh": "Beijing Shanghai Guangzhou Shenzhen Hangzhou Nanjing Chengdu Wuhan Tianjin Suzhou Qingdao Xiamen Kowloon Dalian".split()}
        self.cities["ru-latin"] = ["Moscow", "Saint Petersburg", "Kazan", "Novosibirsk", "Samara", "Omsk", "Perm", "Ufa", "Tver", "Sochi", "Tomsk"]
        self.streets = {"en": street("en"), "de": street("de"), "fr": street("fr"), "es": street("es"), "it": street("it"), "nl": street("nl"), "pt": street("pt-br"), "pl": street("pl") + faker_list("pl_PL", "streets"),
                        "cs": street("cs") + faker_list("cs_CZ", "streets"), "hu": street("hu"), "sv": street("sv"), "da": street("da") + faker_list("da_DK", "street_names"), "fi": faker_list("fi_FI", "street_prefixes"),
                        "no": street("no"), "tr": street("tr"), "ru": street("ru") + faker_list("ru_RU", "street_titles_noflex"), "hr": faker_list("sl_SI", "streets") + faker_list("hr_HR", "streets")}
        for d in (self.cities, self.streets):
            for k in d:
                d[k] = unique(re.sub(r"\s*\(.*?\)", "", v).replace("*", "") for v in d[k])
        self.parts = {}
        for d, kind in ((self.cities, "city"), (self.streets, "street")):
            for k, values in d.items():
                self.parts[kind, k] = ([v for v in values if not is_held_out(v)] or values, [v for v in values if is_held_out(v)] or values)
        self.countries = mimesis_json("en", "address")["country"]["name"]
        self.states = mimesis_json("en", "address")["state"]["name"] + faker_list("en_GB", "counties") + ["Ontario", "Quebec", "Alberta", "Manitoba", "New South Wales", "Queensland", "Bavaria", "Tuscany", "Andalusia", "Provence"]
        self.kinds, self.weights = list(WEIGHTS), list(WEIGHTS.values())
        fake = Faker("en_US")
        fake.seed_instance(rng.random())
        self.faker_suffixes = list(importlib.import_module("faker.providers.address.en_US").Provider.street_suffixes)

    def pick(self, kind, country):
        values = self.parts[kind, country][self.people.held_out]
        return self.rng.choice(values)

    def city(self, country=None):
        r = self.rng
        country = country or r.choices(self.kinds, self.weights)[0]
        if country.startswith("en") and r.random() < .15:
            return r.choice(["New ", "North ", "South ", "East ", "West ", "Port ", "Lake ", "Fort ", "St. ", "Mount ", "Upper "]) + r.choice([self.people.pick("en", "last"), self.people.pick("en", "given"), self.pick("city", country)]) + r.choice(["", "", "", "ville", "ton", "side", "burgh"])
        if country.startswith("en") and r.random() < .12:
            return self.people.pick("en", r.choice(["last", "given"])).replace(" ", "") + r.choice("ville ton bury mouth fort borough view shire side stad land port burgh haven chester town furt berg".split())
        return self.pick("city", country)

    def digits(self, form):
        r = self.rng
        return "".join(r.choice("0123456789") if c == "#" else r.choice("ABCEGHJKLMNPRSTVXY") if c == "@" else c for c in form)

    def postcode(self, country):
        r = self.rng
        forms = {"en-us": ["#####", "#####", "#####-####"], "en-gb": ["@@# #@@", "@## #@@", "@# #@@", "@@## #@@", "@#@ #@@", "@@#@ #@@"], "en-ca": ["@#@ #@#", "@#@#@#"], "en-au": ["####"], "en-ie": ["@## @###", "D0# @#@#"],
                 "en-in": ["######", "### ###"], "de": ["#####", "#####", "D-#####", "####"], "fr": ["#####", "#####", "F-#####", "####"], "es": ["#####"], "it": ["#####"], "nl": ["#### @@", "####@@", "####", "B-####"],
                 "pt": ["#####-###", "####-###"], "pl": ["##-###"], "cs": ["### ##", "#####"], "hu": ["####", "H-####"], "sv": ["### ##", "#####"], "da": ["####", "DK-####"], "fi": ["#####"], "no": ["####"],
                 "tr": ["#####"], "ru": ["######"], "ru-latin": ["######"], "hr": ["####", "#####"], "ja": ["###-####", "〒###-####"], "zh": ["######"]}
        return self.digits(r.choice(forms[country]))

    def number(self):
        r = self.rng
        n = str(int(10 ** r.uniform(0, 3)) or 1) if r.random() < .7 else str(r.randrange(1, 99999))
        u = r.random()
        if u < .05:
            n += r.choice("abcABCD")
        elif u < .07:
            n += "-" + str(int(re.sub(r"\D", "", n)) + r.randrange(1, 9))
        elif u < .09:
            n += "/" + str(r.randrange(1, 99))
        elif u < .10:
            n += " 1/2"
        elif u < .13:
            n = "0" + n
        return n

    def en_street(self):
        r, p = self.rng, self.people
        u = r.random()
        if u < .10:
            n = r.randrange(1, 190)
            base = "%d%s" % (n, {1: "st", 2: "nd", 3: "rd"}.get(n % 10 if n % 100 not in (11, 12, 13) else 0, "th"))
        elif u < .40:
            base = p.pick("en", "last")
        elif u < .55:
            base = p.pick("en", "given")
        elif u < .75:
            base = r.choice(EN_WORDS)
        elif u < .95:
            base = self.pick("street", "en")
        else:
            base = r.choice(EN_WORDS) + " " + r.choice(EN_WORDS)
        kind = r.choice(EN_TYPES[:30]) if r.random() < .6 else r.choice(EN_TYPES) if r.random() < .5 else r.choice(self.faker_suffixes)
        out = base + " " + kind
        if r.random() < .08:
            out = r.choice("N. S. E. W. N S E W North South East West NE SW".split()) + " " + out
        if r.random() < .04:
            out += " " + r.choice("N S E W NW NE SW SE North South".split())
        if r.random() < .03:
            out = r.choice(["County Road %d", "Highway %d", "State Route %d", "Route %d", "Hwy %d", "FM %d"]) % r.randrange(1, 999)
        if r.random() < .02:
            out = r.choice(["Broadway", "The Strand", "Piccadilly", "Bahnhofstrasse", "Kingsway", "Embankment", "The Green", "The Mall", "Whitehall", "Eastgate"])
        return out

    def street(self, country):
        """Street with its number, as the country writes it."""
        r, p = self.rng, self.people
        n = self.number()
        if country.startswith("en"):
            s = n + " " + self.en_street()
            u = r.random()
            if country == "en-gb" and u < .2:
                return r.choice(["Flat %d", "Studio %d", "Flat %d", "Unit %d", "Apartment %d"]) % r.randrange(1, 99) + r.choice([", ", " ", "\n"]) + r.choice([s, self.en_street()])
            if country == "en-gb" and u < .27:
                return p.pick("en", "last") + " " + r.choice("House Cottage Court Lodge Farm Hall Barn".split()) + ", " + r.choice([s, self.en_street()])
            if country == "en-in" and u < .7:
                return r.choice(["H.No. ", "Plot No. ", "Flat No. ", "#", "No. ", ""]) + n + ", " + r.choice([self.people.pick("in", "last") + " " + r.choice(["Nagar", "Marg", "Road", "Colony", "Path", "Chowk", "Layout", "Ganj", "Enclave"]), "MG Road", "Sector %d" % r.randrange(1, 60), "%d%s Main, %d%s Cross" % (2, "nd", 5, "th")])
            return s
        if country == "de":
            base = self.pick("street", "de") if r.random() < .5 else r.choice([p.pick("de", "last"), r.choice("Haupt Bahnhof Schiller Goethe Garten Linden Kirch Schul Berg Wald Ring Mühlen Wiesen Dorf Park".split())]) + r.choice(["straße", "str.", "weg", "allee", "gasse", "platz", "strasse", "-Straße", "ring", "ufer", "damm", "graben"])
            return base + " " + n
        if country == "fr":
            base = r.choice(["rue", "rue", "avenue", "boulevard", "place", "chemin", "allée", "impasse", "quai", "Rue", "Avenue", "Boulevard", "av.", "bd", "route", "square", "cours"]) + " " + r.choice(["", "", "", "de ", "du ", "des ", "de la ", "de l'"]) + r.choice([self.pick("street", "fr"), self.pick("street", "fr"), p.pick("fr", "given") + " " + p.pick("fr", "last"), self.pick("city", "fr"), "République", "Gare", "Général Leclerc"])
            return r.choice([n + r.choice([" ", ", ", " bis ", " "]) + base, base + " " + n])
        if country == "es":
            base = r.choice(["Calle", "C/", "C/ ", "Avenida", "Av.", "Avda.", "Plaza", "Paseo", "Camino", "Calzada", "Carrera", "Ronda", "calle", "Cl.", "Calle de", "Avenida de", "Pasaje", "Jr."]) + " " + r.choice([self.pick("street", "es"), p.pick("es", "given") + " " + p.pick("es", "last"), p.pick("es", "last"), "Mayor", "la Constitución", "los " + p.pick("es", "last"), self.pick("city", "es")])
            out = base.replace("  ", " ") + r.choice([" ", ", ", " nº ", " No. ", " # "]) + n
            return out + (r.choice([", %dº %s", " piso %d %s", " Apt. %d%s", " Int. %d%s", ", %d-%s"]) % (r.randrange(1, 9), r.choice("ABCD")) if r.random() < .2 else "")
        if country == "it":
            return r.choice(["Via", "Via", "via", "Viale", "Piazza", "Corso", "Vicolo", "Largo", "Strada", "Contrada", "Borgo", "Canale", "Rotonda", "Piazzale"]) + " " + r.choice([self.pick("street", "it"), p.pick("it", "last"), p.pick("it", "given") + " " + p.pick("it", "last"), "delle " + p.pick("it", "last")]) + r.choice([" ", ", ", ", ", " n. "]) + n
        if country == "nl":
            base = self.pick("street", "nl") if r.random() < .6 else r.choice([p.pick("nl", "last"), p.pick("nl", "given"), "Kerk", "Dorps", "Molen", "Stations", "Linden"]) + r.choice(["straat", "weg", "laan", "plein", "hof", "singel", "gracht", "kade", "pad", "dreef", "ring", "steeg"])
            return base + " " + n + r.choice(["", "", "", " bis", " A", "-II", " hs"])
        if country == "pt":
            return r.choice(["Rua", "Rua", "Avenida", "Av.", "Travessa", "Praça", "Alameda", "R.", "Largo", "Estrada", "Rodovia", "Viela", "Quadra", "Condomínio"]) + " " + r.choice([self.pick("street", "pt"), p.pick("pt", "given") + " " + p.pick("pt", "last"), "da " + p.pick("pt", "last"), "dos " + p.pick("pt", "last"), "das Flores"]) + r.choice([", ", ", nº ", " ", ", n. "]) + n + (r.choice([", apto %d", " - %dº andar", ", bloco %d", ", sala %d"]) % r.randrange(1, 99) if r.random() < .2 else "")
        if country == "pl":
            return r.choice(["ul. ", "ul. ", "ul.", "al. ", "pl. ", "ulica ", "aleja ", "os. ", ""]) + self.pick("street", "pl") + " " + n + r.choice(["", "", " m. %d" % r.randrange(1, 99), "/%d" % r.randrange(1, 99)])
        if country == "cs":
            return r.choice(["", "", "", "ul. ", "nám. ", "tř. "]) + self.pick("street", "cs") + " " + n
        if country == "hu":
            return r.choice([self.pick("street", "hu"), p.pick("hu", "last"), p.pick("hu", "last") + " " + p.pick("hu", "given")]).capitalize().replace(" l", " L") + " " + r.choice(["utca", "u.", "út", "tér", "köz", "körút", "útja", "sor", "kapu", "híd", "rakpart", "fasor"]) + " " + n + r.choice([".", ".", "", ". em. %d" % r.randrange(1, 9)])
        if country == "sv":
            base = self.pick("street", "sv") if r.random() < .6 else r.choice([p.pick("sv", "last"), "Björk", "Stor", "Kyrko", "Skol", "Drottning", "Kungs", "Järnvägs"]) + r.choice(["gatan", "vägen", "gränd", "stigen", "backen", "torget", "allén"])
            return base + " " + n
        if country == "da":
            base = self.pick("street", "da")
            if not re.search(r"(?i)(vej|gade|stræde|allé|plads|have|vænge)", base):
                base += r.choice(["vej", "gade", "stræde", "vænget", "allé", "sgade", "svej", " Allé", "bakken"])
            return base + " " + n + r.choice(["", "", ", %d. tv" % r.randrange(1, 6), ", st. th"])
        if country == "fi":
            base = self.pick("street", "fi").strip()
            return base + r.choice(["katu", "tie", "kuja", "polku", " katu", "nkatu", "ntie", "kaari", "raitti"]) + " " + n + r.choice(["", "", " A %d" % r.randrange(1, 80), " B"])
        if country == "no":
            base = self.pick("street", "no") + r.choice([" vei", "veien", " gate", "gata", "veg", "svei", " allé", "bakken", "vegen"])
            return base + " " + n
        if country == "tr":
            return self.pick("street", "tr") + " " + r.choice(["Caddesi", "Cad.", "Sokak", "Sokağı", "Sok.", "Bulvarı", "Mahallesi"]) + " No: " + n
        if country == "ru":
            return r.choice(["ул. ", "ул. ", "улица ", "пр. ", "пер. ", "проспект ", "наб. "]) + self.pick("street", "ru") + ", " + r.choice(["д. ", "д.", "дом ", ""]) + n + r.choice(["", "", ", кв. %d" % r.randrange(1, 300), ", оф. %d" % r.randrange(1, 40), ", корп. 2"])
        if country == "ru-latin":
            return r.choice(["ul. ", "ulitsa ", "prospekt ", "", "per. "]) + p.pick("ru-latin", "last") + r.choice(["", " St", " street"]) + ", " + r.choice(["", "d. "]) + n + r.choice(["", ", kv. %d" % r.randrange(1, 300)])
        if country == "hr":
            return self.pick("street", "hr") + " " + n
        if country == "ja":
            return "%d-%d-%d " % (r.randrange(1, 9), r.randrange(1, 30), r.randrange(1, 20)) + p.pick("ja", "last") + r.choice(["cho", "machi", "", "-cho", "dai"])
        if country == "zh":
            return r.choice(["No. ", "", "Room %d, " % r.randrange(100, 2000)]) + n + " " + p.pick("zh", "given") + r.choice([" Road", " Street", " Lu", " Jie", " Avenue", " North Road", " East Road"])
        raise KeyError(country)

    def town(self, country, sep):
        """City with region and postcode, in the country's order."""
        r = self.rng
        city, code = self.city(country), self.postcode(country)
        if r.random() < .05:
            city = city.upper()
        if country in ("en-us", "en-au", "en-ca"):
            state = r.choice(STATES if country == "en-us" else ["NSW", "VIC", "QLD", "WA", "SA", "TAS", "ACT", "New South Wales"] if country == "en-au" else ["ON", "QC", "BC", "AB", "MB", "NS", "NB", "SK", "NL", "PE", "YT", "NT", "NU"])
            if country == "en-us" and r.random() < .1:
                state = r.choice(self.states[:50])
            return r.choice(["%s, %s %s"] * 6 + ["%s %s %s", "%s, %s, %s", "%s " + sep + "%s %s"]) % (city, state, code) if r.random() < .85 else "%s, %s" % (city, state)
        if country in ("en-gb", "en-ie"):
            county = r.choice(self.states[50:]) if r.random() < .2 else ""
            return city + (sep + county if county else "") + (r.choice([sep, " ", sep]) + code if r.random() < .85 else "")
        if country in ("en-in", "zh", "ja", "ru-latin", "tr"):
            return r.choice(["%s %s", "%s - %s", "%s-%s", "%s, %s"]) % (city, code)
        if country == "it":
            return "%s%s%s" % (code, r.choice([" ", " ", ", "]), city) + r.choice(["", " (%s)" % self.digits("@@"), " " + self.digits("@@")])
        if country == "pt":
            return r.choice(["%s - %s, %s" % (city, r.choice("SP RJ MG BA RS PR SC CE".split()), code), "%s %s" % (code, city), "%s%s%s / %s" % (code, " ", city, r.choice("SP RJ MG BA AC".split())), "%s - %s" % (city, r.choice("SP RJ MG BA".split()))])
        if country == "es" and r.random() < .3:
            return "%s, %s" % (city, code)
        return r.choice(["%s %s", "%s %s", "%s %s", "%s, %s"]) % (code, city)

    def address(self, inline=False):
        """A postal address, unmarked; over several lines when not inline and chance has it."""
        r = self.rng
        country = r.choices(self.kinds, self.weights)[0]
        sep = ", " if inline or r.random() < .65 else r.choice(["\n", "\n", ",\n", "\n "])
        if not inline and r.random() < .05:
            sep = r.choice([" ", "; ", " | ", " - "])
        u = r.random()
        if u < .03:
            return "%s%s%s" % (r.choice(["PSC %d, Box %d" % (r.randrange(1, 9999), r.randrange(1, 9999)), "Unit %d Box %d" % (r.randrange(1, 9999), r.randrange(1, 9999)), r.choice(["USS ", "USNS ", "USNV ", "USCGC "]) + self.people.pick("en", "last")]), sep, r.choice(["APO", "FPO", "DPO"]) + " " + r.choice(["AA", "AE", "AP"]) + " " + self.digits("#####"))
        if u < .06:
            return r.choice(["PO Box %d", "P.O. Box %d", "P. O. Box %d", "Box %d", "Postfach %d", "Apartado %d", "BP %d", "Postbus %d"]) % r.randrange(1, 99999) + (sep + self.town(country, sep) if r.random() < .8 else "")
        if u < .085:
            return r.choice(["the corner of ", "corner of ", "the intersection of ", ""]) + self.en_or(country) + r.choice([" and ", " & ", " and "]) + self.en_or(country)
        street = self.street(country)
        if inline:
            street = street.replace("\n", ", ")
        unit = r.choice(UNITS) % r.randrange(1, 999) if r.random() < .2 else ""
        if unit:
            street = r.choice([street + r.choice([" ", ", ", sep]) + unit] * 4 + [unit + r.choice([", ", " "]) + street])
        if r.random() < .07:  # a post code, a lot or a house's old number stands before
            street = r.choice([self.number(), self.postcode(country)]) + r.choice([" ", " ", ", "]) + street
        if u < .22:
            return street
        if u < .26:
            return street + ", " + self.city(country)
        if u < .30:
            return self.postcode(country) + r.choice([" ", sep]) + street + r.choice(["", sep + self.city(country)])
        out = street + sep + self.town(country, sep)
        v = r.random()
        if v < .22:
            out += sep + r.choice(COUNTRY[country])
        elif v < .27:
            out = street + sep + self.city(country) + sep + r.choice(COUNTRY[country]) + " " + self.postcode(country)
        elif v < .29:
            out = out + sep.replace("\n", "\n\n") + r.choice(COUNTRY[country])
        if inline and len(out) > 120:
            return street
        return out

    def en_or(self, country):
        return self.en_street() if country.startswith("en") or self.rng.random() < .5 else re.sub(r"\s*\d.*$", "", self.street(country).replace("\n", " "))

    def mark(self, address):
        u = self.rng.random()
        if u < .03:
            address = address.lower()
        elif u < .06:
            address = address.upper()
        return START + address + END
