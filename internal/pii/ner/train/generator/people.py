"""People's names of many cultures, in the forms that people write them."""
import importlib
import json
import os
import zlib

import mimesis
import names as census

# culture: (weight, Faker locales, mimesis locales)
CULTURES = {
    "en": (40, "en_US en_GB en_NZ en_IE", "en en-gb en-au en-ca"),
    "es": (8, "es_ES es_MX es_AR es_CO es_CL", "es es-mx"),
    "fr": (6, "fr_FR fr_CA fr_BE", "fr"),
    "de": (6, "de_DE de_AT de_CH", "de de-at"),
    "it": (5, "it_IT", "it"),
    "nl": (5, "nl_NL nl_BE", "nl nl-be"),
    "pt": (4, "pt_BR pt_PT", "pt pt-br"),
    "pl": (3, "pl_PL", "pl"),
    "cs": (3, "cs_CZ sk_SK", "cs sk"),
    "hu": (1.5, "hu_HU", "hu"),
    "ro": (1, "ro_RO", ""),
    "hr": (2, "hr_HR sl_SI", "hr"),
    "baltic": (1.5, "lt_LT lv_LV et_EE", "et"),
    "sv": (3, "sv_SE", "sv"),
    "no": (2, "no_NO", "no"),
    "da": (2, "da_DK", "da"),
    "fi": (2, "fi_FI", "fi"),
    "is": (1, "is_IS", "is"),
    "tr": (2, "tr_TR az_AZ", "tr"),
    "in": (6, "en_IN en_PK", ""),
    "ng": (2, "en_NG en_KE yo_NG ig_NG ha_NG zu_ZA tw_GH sw", ""),
    "id": (1, "id_ID", ""),
    "vi": (1, "vi_VN", ""),
    "dz": (1, "fr_DZ", ""),
    "uz": (.5, "uz_UZ", ""),
    "ru": (3, "ru_RU", "ru"),  # Cyrillic, or transliterated
    "uk": (1.5, "uk_UA", "uk"),
    "bg": (.7, "bg_BG", ""),
    "el": (1, "el_GR", "el"),
    "zh": (3, "", ""),  # romanised below
    "ja": (3, "", ""),
    "ko": (2, "", ""),
    "ar": (3, "", ""),
    "zh-han": (.7, "zh_CN zh_TW", ""),  # in their own scripts
    "ja-han": (.7, "ja_JP", ""),
    "ko-hangul": (.5, "ko_KR", ""),
    "ar-script": (.4, "ar_SA ar_AA", ""),
    "hi-script": (.4, "hi_IN", ""),
    "el-script": (.4, "el_GR", ""),
    "he-script": (.3, "he_IL", ""),
}
CYRILLIC = dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
                    "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya i yi ye g".split(" ")))
GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ", "a v g d e z i th i k l m n x o p r s s t y f ch ps o a e i i o y o i y".split(" ")))
ZH_LAST = "Xi Jiao Sheng Tao Tu Hua Ning Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang Xie Song Tang Deng Han Feng Cao Peng Zeng Xiao Tian Dong Pan Yuan Cai Jiang Yu Du Ye Cheng Wei Su Lu Ding Ren Shen Yao Fan Fang Shi Tan Liao Zou Xiong Jin Hao Kong Bai Cui Kang Mao Qiu Qin Gu Hou Shao Meng Long Wan Duan Lei Qian Tong Ouyang Situ Wong Chan Cheung Leung Lam Ng Lau Kwok Tsai Hsu Chang".split()
ZH_SYL = "wei fang na min jing li qiang lei jun yang yong yan jie juan tao ming chao xiu xia ping gang gui ying hua yu xin hui lan hong mei lin dan bo feng long hao jian kai le nan peng qing rui shan ting tian wen xiang xue yi yuan ze zhi zhen zi chen fei han jia kang liang meng ning qi rong shu song tong xiao ya yun zhe".split()
JA_LAST = "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Yamaguchi Matsumoto Inoue Kimura Hayashi Shimizu Saito Yamazaki Mori Abe Ikeda Hashimoto Ishikawa Ogawa Maeda Okada Hasegawa Fujita Goto Kondo Murakami Endo Aoki Sakamoto Fukuda Ota Nishimura Fujii Miura Takeuchi Nakajima Okamoto Matsuda Nakagawa Harada Ono Tamura Kaneko Wada Ishida Ueda Morita Hara Shibata Sakai Kudo Yokoyama Miyazaki Miyamoto Uchida Takagi Ando Taniguchi Ohno Maruyama Imai Takada Fujimoto Murata Takeda Ueno Sugiyama Masuda Sugawara Hirano Kojima Otsuka Chiba Kubo Matsui Iwasaki Sakurai Kinoshita Noguchi Matsuo Nomura Kikuchi Sano Onishi Sugimoto Arai".split()
JA_GIVEN = "Haruto Yuto Sota Yuki Hayato Haruki Ryusei Koki Sora Sosuke Riku Minato Ren Hiroto Itsuki Asahi Kaito Takumi Daiki Kenji Hiroshi Takashi Akira Satoshi Kazuki Makoto Naoki Shinji Tetsuya Yusuke Kenta Shota Ryota Tsubasa Daisuke Masato Ichiro Jiro Saburo Noboru Yui Hina Sakura Aoi Rin Yuna Miyu Mio Akari Honoka Kokoro Mei Himari Ichika Riko Saki Nanami Ayaka Misaki Haruka Emi Yoko Keiko Michiko Noriko Tomoko Yumi Mayumi Naomi Kumiko Sachiko Akiko Megumi Chihiro Mariko Reiko Kaori Ayumi Rina Asuka Natsuki".split()
KO_LAST = "Kim Lee Park Choi Jung Jeong Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang Ahn Song Ryu Yoo Hong Jeon Ko Moon Son Yang Bae Baek Heo Nam Sim Noh Ha Kwak Sung Cha Joo Woo Koo Min Yu Na Jin Ji Eom Won Chae Cheon Bang Kong Hyun Byun".split()
KO_SYL = "min seo joon jun ji woo hyun soo hee young eun kyung jin sung tae ho dong jae hye su yeon mi sun hwa in chul sang ki won yong bin ye ha na ri ah".split()
AR_GIVEN = "Mohammed Muhammad Ahmed Mahmoud Ali Omar Hassan Hussein Ibrahim Youssef Yusuf Khalid Khaled Abdullah Abdulrahman Abdulaziz Mustafa Tariq Tarek Karim Hamza Bilal Faisal Saad Saeed Salman Sami Samir Walid Waleed Ziad Ziyad Rashid Rami Nasser Majid Jamal Idris Ismail Anwar Adel Ayman Bashar Fahad Ghassan Hatem Imad Issam Jaber Kamal Mansour Marwan Munir Nabil Nizar Osama Qasim Rafiq Sultan Wael Yasser Zayd Fatima Aisha Khadija Maryam Zainab Layla Leila Noor Nour Amina Salma Sara Huda Hanan Rania Dina Yasmin Yasmine Samira Nadia Rana Lina Mona Ghada Hala Iman Jamila Latifa Maha Najwa Rasha Reem Sahar Sawsan Suad Widad Zahra Asma Dalal Farah Hiba".split()
AR_LAST = "Hassan Hussein Ali Ahmed Ibrahim Khalil Haddad Khoury Mansour Nasser Saleh Salem Hamdan Hamdi Qureshi Farouk Aziz Rahman Mahmoud Mustafa Najjar Nassar Othman Rashid Sabbagh Shaheen Suleiman Tawfiq Younis Zaki Ghanem Habib Darwish Bakr Awad Abbas Barakat Fares Ismail Jaber Karam Masri Odeh Sayegh".split()
AL_LAST = "Rashid Sayed Masri Harbi Ghamdi Otaibi Qahtani Zahrani Shehri Dosari Mutairi Maktoum Nahyan Thani Khalifa Fayed Saud Hashimi Jaziri Baghdadi Tamimi Amri Hakim Najjar Sabah Balushi".split()
PARTICLES = {
    "nl": ["van", "de", "van de", "van der", "van den", "ten", "ter", "in 't"],
    "de": ["von", "von der", "zu", "von und zu"],
    "es": ["de", "de la", "del", "de los"],
    "pt": ["da", "de", "dos", "do", "das"],
    "fr": ["de", "du", "de la", "le", "d'"],
    "it": ["di", "de", "della", "De", "Di", "D'", "Del"],
}
START, END = "\ue000", "\ue001"


def held(token):
    """A digit of the word; those with 0 are kept for the held-out names."""
    return zlib.crc32(token.lower().encode()) % 10


def is_held_out(name):
    return any(held(t) == 0 for t in name.replace("-", " ").replace("'", " ").split())


def faker_names(kind, locales):
    out = []
    for locale in locales.split():
        try:
            provider = importlib.import_module("faker.providers.person." + locale).Provider
        except ModuleNotFoundError:
            continue
        for attribute in sorted(dir(provider)):
            if attribute.startswith(kind) and "romanized" not in attribute and attribute.endswith(("names", "male", "female")):
                value = getattr(provider, attribute)
                if isinstance(value, (dict, list, tuple)):
                    out += [v for v in value if isinstance(v, str)]
    return out


def mimesis_json(locale, what):
    with open(os.path.join(os.path.dirname(mimesis.__file__), "datasets", locale, what + ".json"), encoding="utf-8") as f:
        return json.load(f)


def flat(value):
    if isinstance(value, dict):
        return [x for v in value.values() for x in flat(v)]
    return [v for v in value if isinstance(v, str)]


def transliterate(s, table):
    out = "".join(table.get(c, c) if c.islower() or not c.isalpha() else table.get(c.lower(), c).capitalize() for c in s)
    return out


def unique(values):
    return list(dict.fromkeys(v.strip() for v in values if v.strip()))


def census_list(name):
    path = os.path.join(os.path.dirname(census.__file__), name)
    return [line.split()[0].capitalize() for line in open(path)]


def load():
    """culture -> {"given": [...], "last": [...]}, commonest first where the source says so."""
    out = {}
    for culture, (_, locales, extra) in CULTURES.items():
        given, last = faker_names("first_names", locales), faker_names("last_names", locales)
        for locale in extra.split():
            person = mimesis_json(locale, "person")
            given += flat(person.get("names", []))
            last += flat(person.get("surnames", []))
        if culture == "en":
            men, women = census_list("dist.male.first"), census_list("dist.female.first")
            given = [n for pair in zip(men, women) for n in pair] + women[len(men):] + given
            last = census_list("dist.all.last") + last
        given, last = unique(given), unique(last)
        if culture in ("ru", "uk", "bg"):
            out[culture + "-latin"] = {"given": [transliterate(n, CYRILLIC) for n in given], "last": [transliterate(n, CYRILLIC) for n in last]}
        if culture == "el":
            given, last = [transliterate(n, GREEK) for n in given], [transliterate(n, GREEK) for n in last]
        out[culture] = {"given": given, "last": last}
    zh = [a.capitalize() + b for a in ZH_SYL for b in ZH_SYL if a != b] + [s.capitalize() for s in ZH_SYL]
    ko = [a.capitalize() + "-" + b for a in KO_SYL for b in KO_SYL if a != b] + [a.capitalize() + b for a in KO_SYL for b in KO_SYL if a != b]
    out["zh"] = {"given": zh, "last": ZH_LAST}
    out["ja"] = {"given": JA_GIVEN, "last": JA_LAST}
    out["ko"] = {"given": ko, "last": KO_LAST}
    out["ar"] = {"given": AR_GIVEN, "last": AR_LAST + [p + n for n in AL_LAST for p in ("Al-", "al-", "El ", "Al ")] + ["bin " + n for n in AR_GIVEN[:30]] + ["Abu " + n for n in AR_GIVEN[30:50]]}
    return out


class People:
    def __init__(self, rng):
        self.rng = rng
        self.pools = load()
        weights = {c: CULTURES[c if c in CULTURES else c.split("-")[0]][0] for c in self.pools}
        self.cultures, self.weights = list(weights), list(weights.values())
        self.held_out = False
        self.split = {}
        for culture, pool in self.pools.items():
            for kind, values in pool.items():
                seen = [v for v in values if not is_held_out(v)] or values
                kept = [v for v in values if is_held_out(v)] or values
                self.split[culture, kind] = (seen, kept)

    def pick(self, culture, kind):
        values = self.split[culture, kind][self.held_out]
        u = self.rng.random()
        if culture == "en":  # sorted by how common they are
            return values[int(min(len(values), 800 if kind == "given" else 1500) * u ** 1.3)] if self.rng.random() < .6 else values[int(len(values) * u ** 2)]
        return values[int(len(values) * u)]

    def culture(self):
        return self.rng.choices(self.cultures, self.weights)[0]

    def given(self, culture=None):
        culture = culture or self.culture()
        name = self.pick(culture, "given")
        if self.rng.random() < .04 and culture in ("en", "fr", "de", "nl", "pl"):
            name += "-" + self.pick(culture, "given")
        return name

    def last(self, culture=None):
        r, culture = self.rng, culture or self.culture()
        name, u = self.pick(culture, "last"), r.random()
        if u < .06:
            return name + "-" + self.pick(culture, "last")
        if culture in PARTICLES and u < .25:
            p = r.choice(PARTICLES[culture])
            return p + name if p.endswith("'") else p + " " + name
        if culture in ("es", "pt") and u < .55:
            return name + " " + self.pick(culture, "last")
        if culture == "en" and u < .09:
            return r.choice(["O'", "Mac", "Mc", "St. ", "Fitz", "De ", "La", "Van "]) + name
        return name

    def full(self):
        """A person's name as one would write it, without a title."""
        r, culture = self.rng, self.culture()
        given, last, u = self.given(culture), self.last(culture), r.random()
        if culture in ("zh-han", "ja-han", "ko-hangul"):
            return last + (r.choice(["", " "]) if culture == "ja-han" else "") + given
        if culture in ("zh", "ko", "hu", "ja") and u < .35:
            return last + " " + given
        if u < .60:
            return given + " " + last
        if u < .70:
            return given + " " + r.choice("ABCDEFGHJKLMNPRSTVW") + r.choice([".", ".", ".", ""]) + " " + last
        if u < .78:
            return given + " " + self.given(culture) + " " + last
        if u < .82:
            return r.choice("ABCDEFGHJKLMNPRSTVW") + ". " + last
        if u < .85:
            return r.choice("ABCDEFGHJKLMNPRSTW") + "." + r.choice(["", " "]) + r.choice("ABCDEFGHJKLMPRSTW") + ". " + last
        if u < .86:
            return r.choice("ABCDEFGHJKLMPRSTW") + ". " + self.given(culture) + " " + last
        if u < .89:
            return given + " " + last + r.choice([" Jr.", " Sr.", " III", " II", " Jr"])
        if u < .93:
            return last + ", " + given + (" " + r.choice("ABCDEFGHJKLM") + "." if r.random() < .2 else "")
        if u < .95:
            return given + ' "' + self.given(culture) + '" ' + last
        if u < .97:
            return given + " " + self.last(culture) + " " + last
        return given + " " + self.given(culture)

    def cased(self, name):
        u = self.rng.random()
        if u < .025:
            return name.upper()
        if u < .05 and " " in name and "," not in name:
            head, _, tail = name.rpartition(" ")
            return head + " " + tail.upper()
        if u < .075:
            return name.lower()
        return name

    def mark(self, name):
        return START + self.cased(name) + END
