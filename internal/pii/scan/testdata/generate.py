#!/usr/bin/env python3
"""Writes heldout.jsonl and corpus.jsonl: labelled texts in wordings of our own.

Needs Faker (pip install faker==40.1.0); the seed is fixed, so the files are the
same each time. heldout.jsonl has sentences, forms, logs, code, tables and
letters; corpus.jsonl has 250 plain strings, 250 spelled to hide, and strings
that look like a value and are none. Gold offsets count Unicode code points.
"""
import json, os, random, re, string
from faker import Faker

R = random.Random(20261130)
F = Faker(["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_BR"])
Faker.seed(20261130)
D = lambda n: "".join(R.choice(string.digits) for _ in range(n))
U = lambda n: "".join(R.choice(string.ascii_uppercase) for _ in range(n))
C = R.choice


def luhn(body):
    for c in string.digits:
        s = 0
        for i, ch in enumerate(reversed(body + c)):
            d = int(ch)
            if i % 2:
                d = d * 2 - 9 * (d > 4)
            s += d
        if s % 10 == 0:
            return body + c


def verhoeff(body):
    def mul(a, b):
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5
    perm = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    def p(i, d):
        for _ in range(i % 8):
            d = perm[d]
        return d
    for c in string.digits:
        k = 0
        for i, ch in enumerate(reversed(body + c)):
            k = mul(k, p(i, int(ch)))
        if k == 0:
            return body + c


def iban():
    cc, fmt = C([("DE", 18), ("FR", 23), ("ES", 20), ("NL", "A4 10"), ("GB", "A4 14"), ("IT", "A1 22"), ("AT", 16), ("BE", 12), ("PT", 21), ("CH", 17), ("IE", "A4 14"), ("PL", 24)])
    if isinstance(fmt, int):
        b = D(fmt)
    else:
        a, n = fmt.split()
        b = U(int(a[1:])) + D(int(n))
    num = "".join(str(int(ch, 36)) for ch in b + cc + "00")
    v = cc + "%02d" % (98 - int(num) % 97) + b
    return v if R.random() < .5 else " ".join(v[i:i + 4] for i in range(0, len(v), 4))


def vin():
    A = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    v = C(["WVW", "1FA", "JHM", "5N1", "3CZ", "WDB", "2HG", "YV1"]) + "".join(C(A) for _ in range(14))
    tr = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9]))
    w = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    s = sum((int(c) if c.isdigit() else tr[c]) * w[i] for i, c in enumerate(v)) % 11
    return v[:8] + ("X" if s == 10 else str(s)) + v[9:]


def nhs():
    while True:
        b = D(9)
        c = 11 - sum(int(x) * (10 - i) for i, x in enumerate(b)) % 11
        if c == 11:
            c = 0
        if c < 10 and b[0] in "4679":
            v = b + str(c)
            return C([v, f"{v[:3]} {v[3:6]} {v[6:]}", f"{v[:3]}-{v[3:6]}-{v[6:]}"])


def aba():
    while True:
        b = C(["01", "02", "03", "05", "07", "11", "12", "21", "26", "31", "32"]) + D(6)
        for c in string.digits:
            v = b + c
            if sum(int(x) * w for x, w in zip(v, [3, 7, 1] * 3)) % 10 == 0:
                return v


def ssn():
    a, g, s = R.randint(100, 665), R.randint(1, 99), R.randint(1, 9999)
    return C(["%03d-%02d-%04d", "%03d-%02d-%04d", "%03d %02d %04d", "%03d%02d%04d"]) % (a, g, s)


def itin():
    return C(["%03d-%02d-%04d", "%03d %02d %04d", "%03d%02d%04d"]) % (R.randint(900, 999), C([70, 75, 80, 83, 88, 90, 92, 94, 99]), R.randint(1, 9999))


def card():
    k = R.random()
    if k < .75:
        p = C(["4", "51", "54", "2720", "6011"])
        v = luhn(p + D(15 - len(p)))
        return C([v, " ".join(v[i:i + 4] for i in (0, 4, 8, 12)), "-".join(v[i:i + 4] for i in (0, 4, 8, 12))])
    p = C(["34", "37"])
    v = luhn(p + D(12))
    return C([v, f"{v[:4]} {v[4:10]} {v[10:]}"])


def sin():
    v = luhn(C("1234567") + D(7))
    return C([v, f"{v[:3]} {v[3:6]} {v[6:]}", f"{v[:3]}-{v[3:6]}-{v[6:]}"])


def aadhaar():
    v = verhoeff(C("23456789") + D(10))
    return C([v, f"{v[:4]} {v[4:8]} {v[8:]}", f"{v[:4]}-{v[4:8]}-{v[8:]}"])


def nino():
    v = C("ABCEGHJKLMPRSTWXY") + C("ABCEGHJKLMPRSTWXYZ")
    if v in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
        v = "AB"
    v += D(6) + C("ABCD")
    return v if R.random() < .6 else f"{v[:2]} {v[2:4]} {v[4:6]} {v[6:8]} {v[8]}"


def utr():
    v = D(10)
    return v if R.random() < .6 else v[:5] + " " + v[5:]


def health():
    v = C("1245679") + D(9)
    return C([v, f"{v[:4]} {v[4:7]} {v[7:]}", f"{v[:4]}-{v[4:7]}-{v[7:]}", f"{v[:4]} {v[4:7]} {v[7:]} " + U(2), f"{v[:4]}-{v[4:7]}-{v[7:]}-" + U(2)])


def plate():
    return C([U(2) + "%02d" % R.randint(2, 24) + " " + U(3), U(3) + "-" + D(4), U(3) + " " + D(3), "7" + U(3) + D(3), "MH 12 " + U(2) + " " + D(4), "KA05" + U(2) + D(4),
              C(["B", "M", "HH", "K"]) + "-" + U(2) + " " + D(4), U(2) + "-" + D(3) + "-" + U(2)])


def driver():
    return C([U(1) + D(7), U(1) + D(12), D(9), D(8), U(1) + D(3) + "-" + D(4) + "-" + D(4), U(5) + D(6) + U(2) + D(1) + U(2)])


def passport():
    return C([D(9), U(1) + D(8), U(2) + D(7), "C" + D(2) + U(1) + D(5), U(1) + D(7)])


def account():
    return D(C([8, 9, 10, 10, 11, 12]))


def swift():
    return C(["DEUT", "CHAS", "BARC", "INGB", "BNPA", "HDFC", "CITI", "UNCR"]) + C(["DE", "US", "GB", "NL", "FR", "IN", "IT"]) + C(["FF", "33", "22", "2L", "PP", "BB", "MM"]) + C(["", "", "XXX", "500", "KOL"])


def akid():
    return C(["AKIA", "ASIA"]) + "".join(C(string.ascii_uppercase + "234567") for _ in range(16))


def asecret():
    while True:
        v = "".join(C(string.ascii_letters + string.digits + "/+") for _ in range(40))
        if any(c.isdigit() for c in v) and v[-1] not in "/+":
            return v


def password():
    w = lambda: F["en_US"].word()
    return C([w().capitalize() + D(3) + C("!#$%&*?"), w() + "_" + w() + D(2), "".join(C(string.ascii_letters + string.digits + "!#%*+") for _ in range(11)) + "7", w() + "-" + w() + "-" + w(), w() + D(4)])


def username():
    f, l = F["en_US"].first_name().lower(), F["en_US"].last_name().lower()
    return C([f[0] + l, f + D(2), f + "." + l, l + "_" + D(2), f + l.capitalize() + D(1), f + "_" + l])


def phone():
    a, b, c = str(R.randint(201, 989)), str(R.randint(200, 999)), D(4)
    return C([f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"+1 {a} {b} {c}", f"+1-{a}-{b}-{c}", "+44 20 " + D(4) + " " + D(4), "07700 900" + D(3), "+49 30 " + D(7), "0171 " + D(7),
              "+33 6 " + " ".join(D(2) for _ in range(4)), "06 " + " ".join(D(2) for _ in range(4)), "+34 6" + D(2) + " " + D(3) + " " + D(3), "+91 98" + D(3) + " " + D(5), "+39 347 " + D(7), "+31 6 " + D(8)])


def date():
    d, m, y = R.randint(1, 28), R.randint(1, 12), R.randint(1945, 2026)
    M = "January February March April May June July August September October November December".split()[m - 1]
    G = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()[m - 1]
    E = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()[m - 1]
    return C([f"{y}-{m:02d}-{d:02d}", f"{m:02d}/{d:02d}/{y}", f"{d:02d}.{m:02d}.{y}", f"{d} {M} {y}", f"{M} {d}, {y}", f"{d}th of {M} {y}", f"{d:02d}-{M[:3]}-{y}", f"{d}. {G} {y}", f"{d} de {E} de {y}", f"{M[:3]} {d}, {y}", f"{y}-{m:02d}-{d:02d}T{R.randint(0,23):02d}:{R.randint(0,59):02d}:00Z"])


def ip():
    return F.ipv4() if R.random() < .7 else C(["2001:db8:%x::%x" % (R.randint(16, 65535), R.randint(1, 65535)), F.ipv6(), "fe80::%x:%x:%x:%x" % tuple(R.randint(256, 65535) for _ in range(4))])


def mac():
    h = ["%02x" % R.randint(0, 255) for _ in range(6)]
    s = C([":".join(h), "-".join(h), h[0] + h[1] + "." + h[2] + h[3] + "." + h[4] + h[5]])
    return C([s, s.upper()])


def expiry():
    m, y = R.randint(1, 12), R.randint(26, 33)
    return C([f"{m:02d}/{y}", f"{m:02d}/20{y}", f"{m:02d}-{y}", f"{m}/{y}", f"{m:02d} / {y}"])


def url():
    d = F["en_US"].domain_name()
    return C([f"https://{d}/{F['en_US'].word()}?id={D(4)}", f"http://www.{d}/", f"www.{d}/{F['en_US'].word()}", f"https://{d}", f"ftp://files.{d}/pub/{F['en_US'].word()}.zip"])


def email():
    return C([F["en_US"].email(), username() + "@" + F["en_US"].domain_name(), username() + "+" + F["en_US"].word() + "@mail." + F["en_US"].domain_name()])


def nrega():
    return C(["MH", "RJ", "UP", "TN", "BR", "WB", "KA"]) + D(14)


GEN = dict(aws_access_key=akid, aws_secret_key=asecret, bank_account_number=account, bank_routing=aba, ca_health_number=health,
           ca_social_insurance_number=sin, credit_debit_cvv=lambda: D(C([3, 3, 3, 4])), credit_debit_expiry=expiry, credit_debit_number=card,
           date_time=date, driver_id=driver, email=email, in_aadhaar=aadhaar, in_nrega=nrega,
           in_permanent_account_number=lambda: U(3) + C("PCHF") + U(1) + D(4) + U(1), in_voter_number=lambda: U(3) + D(7),
           international_bank_account_number=iban, ip_address=ip, license_plate=plate, mac_address=mac, passport_number=passport,
           password=password, phone=phone, pin=lambda: D(C([4, 4, 4, 6])), ssn=ssn, swift_code=swift,
           uk_national_health_service_number=nhs, uk_national_insurance_number=nino, uk_unique_taxpayer_reference_number=utr, url=url,
           us_individual_tax_identification_number=itin, username=username, vehicle_identification_number=vin, age=lambda: str(R.randint(18, 94)))

# Sentences, a value in braces by its type's short name below. Written from how
# people ask for things, not from the detector's labels.
SHORT = dict(acct="bank_account_number", rt="bank_routing", hc="ca_health_number", sin="ca_social_insurance_number", cvv="credit_debit_cvv",
             exp="credit_debit_expiry", card="credit_debit_number", date="date_time", dl="driver_id", mail="email", aad="in_aadhaar", job="in_nrega",
             pan="in_permanent_account_number", vote="in_voter_number", iban="international_bank_account_number", ip="ip_address", plate="license_plate",
             mac="mac_address", pass_="passport_number", pw="password", tel="phone", pin="pin", ssn="ssn", bic="swift_code",
             nhs="uk_national_health_service_number", ni="uk_national_insurance_number", utr="uk_unique_taxpayer_reference_number", url="url",
             itin="us_individual_tax_identification_number", user="username", vin="vehicle_identification_number", age="age",
             ak="aws_access_key", sk="aws_secret_key")

SENTENCES = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "wordings.txt"), encoding="utf-8").read().split("\n%\n")


def fill(template, make=lambda typ: GEN[typ]()):
    out, spans, last = "", [], 0
    for m in re.finditer(r"\{(\w+)\}", template):
        if m[1] not in SHORT:
            continue
        typ = SHORT[m[1]]
        out += template[last:m.start()]
        v = make(typ)
        spans.append({"start": len(out), "end": len(out) + len(v), "type": typ})
        out += v
        last = m.end()
    return out + template[last:], spans


# Obfuscations: each changes the value, and the span grows with it.
def zero_width(v):
    i = R.randint(1, len(v) - 1)
    return v[:i] + C("\u200b\u200d\u2060\u00ad\ufeff") + v[i:]


def full_width(v):
    return "".join(chr(ord(c) + 0xFEE0) if c.isalnum() or c in "@.-:/+" else c for c in v)


LOOK = dict(zip("aceopxyAEKMHOPCTXB", "асеорхуАЕКМНОРСТХВ"))


def homoglyph(v):
    hits = [i for i, c in enumerate(v) if c in LOOK]
    if not hits or len([c for c in v if c.isalnum()]) < 2:
        return None
    i = C(hits)
    return v[:i] + LOOK[v[i]] + v[i + 1:]


def arabic(v):
    return "".join(chr(0x660 + int(c)) if c in string.digits else c for c in v) if any(c in string.digits for c in v) else None


def separators(v):
    if not v.replace(" ", "").replace("-", "").isdigit():
        return None
    d = v.replace(" ", "").replace("-", "")
    s = C([" ", "-", ".", "\u2011", "\u00a0", "\u2013", "\u2009", "\u2022", "\u00b7", "*", "_", "--", " - "])
    n = {16: 4, 12: 4, 9: 3, 10: 5}.get(len(d))
    return s.join(d[i:i + n] for i in range(0, len(d), n)) if n else None


def json_escape(v):
    i = R.randrange(len(v))
    return v[:i] + "\\u%04x" % ord(v[i]) + v[i + 1:]


def percent(v):
    hits = [i for i, c in enumerate(v) if not c.isalnum() and ord(c) < 128]
    if not hits:
        return None
    return "".join("%%%02X" % ord(c) if i in hits else c for i, c in enumerate(v))


def entity(v):
    i = R.randrange(len(v))
    return v[:i] + "&#%d;" % ord(v[i]) + v[i + 1:]


HIDE = [zero_width, full_width, homoglyph, arabic, separators, json_escape, percent, entity]

NEGATIVE = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "negatives.txt"), encoding="utf-8").read().split("\n%\n")


def blank(template):
    """Fills # with digits, ~ with small letters, ^ with capitals, $x with hex."""
    return "".join(D(1) if c == "#" else C(string.ascii_lowercase) if c == "~" else U(1) if c == "^" else C("0123456789abcdef") if c == "¤" else c for c in template)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "heldout.jsonl"), "w", encoding="utf-8") as f:
        n = 0
        for repeat in range(2):
            for t in SENTENCES:
                text, spans = fill(t.strip("\n"))
                f.write(json.dumps({"id": f"h{n}", "source": "heldout", "text": text, "spans": spans}, ensure_ascii=False) + "\n")
                n += 1
        for t in NEGATIVE:
            f.write(json.dumps({"id": f"n{n}", "source": "negative", "text": blank(t.strip("\n")), "spans": []}, ensure_ascii=False) + "\n")
            n += 1
    short = [t.strip("\n") for t in SENTENCES if len(t) < 70 and t.count("{") == 1 and "{age}" not in t]
    with open(os.path.join(here, "corpus.jsonl"), "w", encoding="utf-8") as f:
        for n in range(500):
            t = short[n % len(short)] if n < 250 else C(short)
            if n < 250:
                source, (text, spans) = "plain", fill(t)
            else:
                while True:
                    how = C(HIDE)
                    text, spans = fill(t, lambda typ: how(GEN[typ]()) or "")
                    if spans[0]["end"] > spans[0]["start"] and (how is not separators or spans[0]["type"] not in ("pin", "credit_debit_expiry", "date_time", "credit_debit_cvv")):
                        break
                    t = C(short)
                source = "hidden-" + how.__name__
            f.write(json.dumps({"id": f"c{n}", "source": source, "text": text, "spans": spans}, ensure_ascii=False) + "\n")
        for n, t in enumerate(NEGATIVE):
            f.write(json.dumps({"id": f"cn{n}", "source": "negative", "text": blank(t.strip("\n")), "spans": []}, ensure_ascii=False) + "\n")


main()
