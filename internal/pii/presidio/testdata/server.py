"""The analyzer of the installed presidio-analyzer behind POST /analyze, as its
own server answers it, on a free port that is printed. Without a language model,
which no package index has: names and places are those of two lists.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tldextract.tldextract
from presidio_analyzer import AnalyzerEngine, AnalyzerRequest, BatchAnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    PhoneRecognizer,
    UsSsnRecognizer,
)

# The list of top-level domains that comes with it, without asking the network.
tldextract.extract = tldextract.tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

registry = RecognizerRegistry()
for recognizer in (
    CreditCardRecognizer(),
    EmailRecognizer(),
    IbanRecognizer(),
    IpRecognizer(),
    PhoneRecognizer(context=[]),
    UsSsnRecognizer(),
    PatternRecognizer("PERSON", name="people", deny_list=["李小龙", "Zoe\u0308 Kravitz", "Zo\u00eb Kravitz"], deny_list_score=0.9),
    PatternRecognizer("LOCATION", name="places", deny_list=["東京都", "Rue de l'E\u0301te\u0301"], deny_list_score=0.8),
    PatternRecognizer("NRP", name="groups", deny_list=["Zoe\u0308"]),
):
    registry.add_recognizer(recognizer)
engine = BatchAnalyzerEngine(
    AnalyzerEngine(registry=registry, nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]))
)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = AnalyzerRequest(body)
            if self.path != "/analyze" or not isinstance(request.text, list):
                raise ValueError("no list of texts for /analyze")
            lists = engine.analyze_iterator(
                request.text,
                language=request.language,
                batch_size=len(request.text),
                score_threshold=request.score_threshold,
                entities=request.entities,
            )
            answer = [[{k: v for k, v in r.to_dict().items() if k != "recognition_metadata"} for r in one] for one in lists]
            self.answer(200, answer)
        except Exception as e:
            self.answer(500, {"error": str(e)})

    def answer(self, status, value):
        body = json.dumps(value, sort_keys=True).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
