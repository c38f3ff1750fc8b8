"""What is capitalised and no person, and the small change of texts: dates, numbers, identifiers."""
import importlib
import os
import re

import symspellpy

from people import mimesis_json, unique, transliterate

LANGS = "Python Java JavaScript TypeScript Go Rust Kotlin Swift Ruby PHP Perl Scala Haskell Erlang Elixir Clojure Julia R MATLAB SQL Bash C C++ C# COBOL Fortran Lua Dart".split()
TECH = ("React Angular Vue Svelte Django Rails Spring Laravel Express Node.js Kubernetes Docker Terraform Ansible Jenkins GitHub GitLab Bitbucket Jira Slack "
        "Redis PostgreSQL MySQL MongoDB Cassandra Kafka RabbitMQ Elasticsearch Grafana Prometheus Envoy Nginx Apache Linux Ubuntu Debian Fedora Windows macOS "
        "Android iOS AWS Azure S3 EC2 Lambda Athena Aurora Redshift Snowflake Databricks Spark Hadoop Airflow TensorFlow PyTorch Keras NumPy Pandas Jupyter "
        "OpenAI ChatGPT GPT-4 Claude Gemini Llama Mistral Copilot Alexa Siri Cortana Watson HTTP JSON XML YAML CSV OAuth SAML TLS SSH DNS TCP UDP GraphQL REST gRPC "
        "Excel Word PowerPoint Outlook Teams Zoom Photoshop Figma Salesforce HubSpot Zendesk Stripe PayPal Shopify WordPress Bitcoin Ethereum Dijkstra's "
        "Newtonian Gaussian Bayesian Boolean Euclidean Fibonacci Markov Monte-Carlo Turing-complete Pythagorean Fourier Laplace Bernoulli Hilbert Jupyter").split()
BRANDS = ("Apple Google Microsoft Amazon Facebook Meta Netflix Tesla Toyota Honda Ford BMW Mercedes Audi Volkswagen Volvo Nissan Ferrari Porsche Chevrolet Dodge "
          "Samsung Sony Nintendo Nokia Siemens Philips Bosch Ikea Nike Adidas Puma Gucci Prada Chanel Hermès Levi's Zara Starbucks McDonald's Wendy's Domino's Nestlé Danone "
          "Cadbury Hershey Kellogg's Johnson & Johnson|Procter & Gamble|JP Morgan|Goldman Sachs|Morgan Stanley|Wells Fargo|Deutsche Bank|Barclays|HSBC|Lloyds|Santander|"
          "Boeing Airbus Lufthansa Delta Ryanair Marriott Hilton Airbnb Uber Lyft FedEx UPS DHL Walmart Target Costco Tesco Aldi Lidl Carrefour Disney Pixar Warner Universal "
          "Reuters Bloomberg Gallup Pfizer Moderna Bayer Novartis Roche Intel Nvidia Oracle IBM Dell Lenovo Cisco Adobe Spotify Twitter TikTok Reddit YouTube Wikipedia").replace("|", "\n")
NAMESAKES = ("Louis Vuitton|Calvin Klein|Ralph Lauren|Tommy Hilfiger|Johns Hopkins|Harley Davidson|Jack Daniel's|Ben & Jerry's|Mary Kay|Estée Lauder|Charles Schwab|Ernst & Young|John Deere|Tim Hortons|"
             "Papa John's|Trader Joe's|Victoria's Secret|Dr Pepper|Hugo Boss|Christian Dior|Yves Saint Laurent|Marks & Spencer|Merrill Lynch|Eli Lilly|Warner Bros|Dolce & Gabbana|Jimmy Choo|Kate Spade|"
             "Giorgio Armani|Hewlett Packard|Rolls Royce|Aston Martin|Alfa Romeo|Mercedes Benz|Dyson|Chase|Marvel|Lamborghini|Bosch|Lidl|Tupperware|Stanley|Singer|Gillette|Heinz|Campbell|Parker|Dell|Hermes|Mattel").split("|")
SYLLABLES = "an ar ba be bo ca co da de di do el en er fa fi fla go gra ha ic in ja jo ka ki ko la le li lo lu ma me mi mo na ne ni no or pa pe pi pla qua ra re ri ro sa se si so sta ta te ti to tra tu va ve vi vo xa xo ya ze zi zo".split()
ENDS = "x ly fy ma va ra do go io ify oid ex ix on um is us a o r n t k zy za tic lab pay bit ware ster".split()
RUDE = re.compile("fuck|shit|cunt|nigg|whore|slut|bitch|rapi|rape|porn|cock|dick|penis|vagin|pussy|anal$|sex|nude|tits|boob|fag|jerk|masturb|orgas|bastard|erotic|incest|nazi|hitler|suck")
TITLES_A = "The A The The My Our Last First Great Dark Silent Lost Red Golden Broken Hidden Little Eternal Final Big Wild Secret Forgotten Burning Frozen".split()
TITLES_N = ("King Queen Night Shadow River House Garden Knight Ring Tower Game Throne Sun Moon Star Ocean Mountain Forest Road Winter Summer Storm Dream Heart Soul Blood "
            "Ghost Machine City Empire War Peace Love Death Life Time Memory Letter Promise Girl Boy Stranger Hunter Thief Soldier Wolf Dragon Tiger Raven Rose Diamond Godfather Matrix Sunrise").split()
HEADS = ("Introduction Overview Background Summary Conclusion Results Methods Discussion Requirements Installation Usage Configuration Getting Started|Key Features|Next Steps|Frequently Asked Questions|"
         "Terms and Conditions|Privacy Policy|Executive Summary|Action Items|Meeting Notes|Project Plan|Work Experience|Professional Summary|Technical Skills|Contact Information|Release Notes|Known Issues|"
         "Table of Contents|Quick Start|Best Practices|User Guide|Error Handling|Data Model|Risk Assessment|Marketing Strategy|Customer Success|Human Resources|Supply Chain|Quality Assurance|"
         "Personal Information|Shipping Details|Billing Information|Order Summary|Payment Method|Due Date|Account Holder|Emergency Contact|Date of Birth|Full Name|First Name|Last Name|Phone Number|Home Address|Job Title|Street Address")
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
PEOPLES = ("American British French German Italian Spanish Portuguese Dutch Belgian Swiss Austrian Swedish Norwegian Danish Finnish Polish Czech Hungarian Romanian Greek Turkish Russian "
           "Ukrainian Chinese Japanese Korean Indian Pakistani Indonesian Vietnamese Thai Australian Canadian Mexican Brazilian Argentine Egyptian Nigerian Kenyan Moroccan Israeli Iranian "
           "European African Asian Latin Catholic Protestant Muslim Jewish Buddhist Hindu Victorian Roman Renaissance Democrat Republican").split()
EVENTS = ("Christmas Easter Halloween Thanksgiving Ramadan Diwali Hanukkah World War II|Black Friday|Super Bowl|World Cup|Olympic Games|Cold War|Industrial Revolution|Great Depression|"
          "New Year's Eve|Labor Day|Valentine's Day|Mother's Day|St. Patrick's Day|French Revolution|Big Bang|Civil War|Brexit|Renaissance|Premier League|Champions League|Grammy Awards|Nobel Prize|Tour de France")
BODIES = ("NASA FBI CIA NATO UNESCO WHO FIFA UEFA IRS SEC FDA EPA GDPR HIPAA Congress Parliament Senate Supreme Court|White House|European Union|European Commission|United Nations|World Bank|"
          "Red Cross|Federal Reserve|Bundestag|House of Commons|Department of Health|Ministry of Finance|National Gallery|British Museum|Metropolitan Museum|Golden Gate Bridge|Eiffel Tower|"
          "Mount Everest|Grand Canyon|Central Park|Wall Street|Silicon Valley|Times Square|Buckingham Palace|Great Wall|Pacific Ocean|Mediterranean Sea|Lake Michigan|River Thames|Amazon River|Sahara Desert|Rocky Mountains")
ORG_TAIL = "Inc Inc. LLC Ltd Ltd. GmbH AG S.A. SA B.V. Corp Corp. Corporation Group Holdings Partners Associates Solutions Systems Technologies Labs Consulting Industries International Enterprises Bank Insurance Capital Ventures Media Studios Foundation Institute University College Hospital Clinic School Pharmacy Motors Airlines Logistics Energy Foods & Sons|& Co|and Sons|& Partners|Research|Analytics|Software|Services|Digital|Global|Health|Pharma|Electronics|Bakery|Brewing Company|Law Firm|Real Estate|Construction"


def split(s):
    out = []
    for part in s.replace("\n", "|").split("|"):
        words = part.split()
        out += [part] if len(words) < 6 and "|" in s and s.count("|") and len(words) > 1 else words
    return out


def mixed(s):
    """Words by blanks before the first bar, whole phrases after it."""
    head, *tail = s.split("|")
    cut = head.split()
    return unique(cut + tail)


FOREIGN = {"de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "nl": "nl_NL", "pl": "pl_PL", "pt": "", "cs": "cs_CZ", "da": "da_DK", "sv": "", "fi": "", "no": "", "ru": "ru_RU", "tr": "", "hu": "", "hr": "", "uk": "uk_UA", "el": "el_GR"}


def foreign_words(known):
    """language -> words, of mimesis and of Faker's lorem lists, names left out."""
    out = {}
    for language, locale in FOREIGN.items():
        words = mimesis_json(language, "text").get("words", [])
        if locale:
            words = words + list(importlib.import_module("faker.providers.lorem." + locale).Provider.word_list)
        out[language] = unique(w for w in words if w.lower() not in known and w.isalpha())
    return out


class Nouns:
    def __init__(self, rng, people, places):
        self.rng, self.people, self.places = rng, people, places
        food, person, finance = mimesis_json("en", "food"), mimesis_json("en", "person"), mimesis_json("en", "finance")
        self.foods = food["dishes"] + food["drinks"] + food["fruits"] + food["vegetables"] + food["spices"]
        self.jobs = person["occupation"]
        self.jobs += list(importlib.import_module("faker.providers.job.en_US").Provider.jobs)
        self.languages, self.universities = person["language"], [u.split(" (")[0] for u in person["university"]]
        self.banks, self.companies = finance["banks"], finance["company"]["name"]
        path = os.path.join(os.path.dirname(symspellpy.__file__), "frequency_dictionary_en_82_765.txt")
        self.dictionary = [line.split()[0].lstrip("\ufeff") for line in open(path, encoding="utf-8")]
        known = {n.lower() for pool in self.people.pools.values() for n in pool["given"]}
        self.words = [w for w in self.dictionary[300:22000] if len(w) > 3 and w not in known and not RUDE.search(w)]
        self.foreign = foreign_words(known)

    def word(self):
        w = self.words
        return w[int(len(w) * self.rng.random() ** 2)]

    def cap(self):
        return self.word().capitalize()

    def title(self):
        r, p = self.rng, self.people
        u = r.random()
        if u < .35:
            return r.choice(TITLES_A) + " " + r.choice([r.choice(TITLES_N), self.cap()])
        if u < .55:
            return r.choice(["The ", ""]) + r.choice([r.choice(TITLES_N), self.cap()]) + " of " + r.choice(["the ", "", "a "]) + r.choice([r.choice(TITLES_N), self.cap()])
        if u < .7:
            return self.cap() + " " + r.choice([r.choice(TITLES_N), self.cap()])
        if u < .8:
            return r.choice(TITLES_N) + " and " + r.choice(["the ", ""]) + r.choice(TITLES_N)
        if u < .9:
            return self.cap() + " " + self.cap() + " " + self.cap()
        return r.choice([self.cap() + ": " + r.choice(TITLES_A) + " " + r.choice(TITLES_N), r.choice(TITLES_N) + " " + str(r.randrange(2, 9)), "The " + self.cap() + " " + self.cap()])

    def org(self):
        r, p = self.rng, self.people
        last = lambda: p.pick(r.choice(["en", "en", "en", p.culture()]), "last")
        u = r.random()
        if u < .22:
            return last() + r.choice([" ", " ", ", ", "-" + last() + " "]) + r.choice(mixed(ORG_TAIL.replace(" & Sons", "|& Sons", 1)))
        if u < .30:
            return last() + r.choice([", " + last() + " and ", " & ", " and ", ", " + last() + " & "]) + last() + r.choice(["", "", " LLP", " LLC"])
        if u < .36:
            return last() + "-" + last() + r.choice(["", " " + r.choice(mixed(ORG_TAIL))])
        if u < .50:
            return self.brand()
        if u < .62:
            return self.cap() + r.choice(["", " " + self.cap(), self.word()]) + " " + r.choice(mixed(ORG_TAIL))
        if u < .70:
            return r.choice(self.companies)
        if u < .76:
            return r.choice(self.banks)
        if u < .82:
            return r.choice([r.choice(self.universities), "University of " + self.places.city(), self.places.city() + " University", "St. " + p.pick("en", "given") + "'s " + r.choice(["Hospital", "School", "College", "Church"])])
        if u < .88:
            return self.body()
        if u < .94:
            return (self.cap() + r.choice(["ify", "ly", "io", "hub", "soft", "tech", "net", "base", "labs", "works", "Bank", "Pay"])).replace("eify", "ify")
        return self.places.city() + " " + r.choice("United City Rangers Chamber Orchestra Times Herald Airport Council Hospital Tigers Marathon Festival Zoo Museum Station".split())

    def chunk(self, language):
        """A few words of another language; German joins nouns and capitalises them."""
        r, words = self.rng, self.foreign[language]
        out = []
        for _ in range(r.randrange(1, 5)):
            w = r.choice(words)
            if language == "de" and r.random() < .3:
                w = (w + r.choice(words).lower()).capitalize()
            elif r.random() < .04:
                w = w.capitalize()
            out.append(w)
        return " ".join(out)

    def brand(self):
        u = self.rng.random()
        return self.rng.choice(BRAND_LIST) if u < .5 else self.rng.choice(NAMESAKES) if u < .65 else self.invented()

    def invented(self):
        """A word that nobody knows, as new products have."""
        r = self.rng
        w = "".join(r.choice(SYLLABLES) for _ in range(r.randrange(1, 4))) + r.choice(ENDS)
        return w.capitalize() if r.random() < .9 else w.upper()

    def body(self):
        return self.rng.choice(BODY_LIST)

    def product(self):
        r = self.rng
        return r.choice([self.brand() + " " + self.cap(), self.cap() + " " + r.choice(["Pro", "Max", "Plus", "3000", "X", "Mini", "One", "Air", "Ultra", "Lite"]), r.choice(TECH), r.choice(LANGS), self.cap() + str(r.randrange(2, 99)), r.choice(self.foods), self.brand() + " " + self.people.pick("en", "given")])

    def heading(self):
        r = self.rng
        return r.choice([r.choice(HEAD_LIST), self.cap() + " " + self.cap(), self.cap() + " and " + self.cap(), " ".join(self.cap() for _ in range(r.randrange(2, 5))), self.cap() + " " + r.choice(["Analysis", "Report", "Guide", "Management", "Review", "Strategy", "Policy", "Design", "Testing", "Services"])])

    def thing(self):
        """A capitalised thing of any kind."""
        f = self.rng.choice([self.org, self.org, self.product, self.title, self.places.city, self.country, self.event, self.heading, self.people_of, lambda: self.rng.choice(TECH)])
        return f()

    def country(self):
        return self.rng.choice([self.rng.choice(self.places.countries), self.rng.choice(self.places.states)])

    def event(self):
        return self.rng.choice(EVENT_LIST)

    def people_of(self):
        return self.rng.choice(PEOPLES)


BRAND_LIST = [b for part in BRANDS.split("\n") for b in ([part] if "&" in part and len(part) < 20 or part in ("JP Morgan", "Goldman Sachs", "Morgan Stanley", "Wells Fargo", "Deutsche Bank") else part.split())]
BRAND_LIST = [b for b in BRAND_LIST if b != "&"]
EVENT_LIST, BODY_LIST, HEAD_LIST = mixed(EVENTS), mixed(BODIES), mixed(HEADS)
