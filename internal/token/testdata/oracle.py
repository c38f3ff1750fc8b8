"""Counts tokens with OpenAI's own tokenizer. The first argument is the folder of
the vocabularies; each line read is a JSON array [kind, encoding, value], each line
written the number of tokens. The kinds: text, pieces (their lengths), chat (a request body, counted as
OpenAI's cookbook does: "How to count tokens with tiktoken")."""

import base64
import hashlib
import json
import sys

import regex
import tiktoken
import tiktoken_ext.openai_public as public


def local(url, expected_hash=None):
    with open(sys.argv[1] + "/" + url.rsplit("/", 1)[1], "rb") as f:
        content = f.read()
    assert hashlib.sha256(content).hexdigest() == expected_hash
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(text): int(rank) for text, rank in pairs}


public.load_tiktoken_bpe = local
encodings = {}


def length(encoding, text):
    if encoding not in encodings:
        encodings[encoding] = tiktoken.Encoding(**getattr(public, encoding)())
    return len(encodings[encoding].encode_ordinary(text))


def messages(encoding, all_messages):
    total = 3
    for message in all_messages:
        total += 3
        for name, value in message.items():
            total += length(encoding, value) + (name == "name")
    return total


def tools(encoding, functions):
    """The cookbook's num_tokens_for_tools, by its figures for each encoding's models."""
    o200k = encoding == "o200k_base"
    total = 12 if functions else 0
    for tool in functions:
        function = tool["function"]
        total += 7 if o200k else 10
        total += length(encoding, function["name"] + ":" + function["description"].rstrip("."))
        properties = function["parameters"]["properties"]
        total += 3 if properties else 0
        for key, value in properties.items():
            total += 3
            if "enum" in value:
                total -= 3
                total += sum(3 + length(encoding, item) for item in value["enum"])
            total += length(encoding, key + ":" + value["type"] + ":" + value["description"].rstrip("."))
    return total


def signature(encoding, functions):
    """The same functions as the declarations that models are shown."""
    out = "# Tools\n\n## functions\n\nnamespace functions {\n\n"
    for tool in functions:
        function = tool["function"]
        out += "// %s\ntype %s = (_: {\n" % (function["description"], function["name"])
        for key, value in function["parameters"]["properties"].items():
            kind = " | ".join('"%s"' % item for item in value["enum"]) if "enum" in value else value["type"]
            optional = "" if key in function["parameters"].get("required", []) else "?"
            out += "// %s\n%s%s: %s,\n" % (value["description"], key, optional, kind)
        out += "}) => any;\n\n"
    return length(encoding, out + "} // namespace functions\n")


def chat(encoding, body):
    functions = body.get("tools", [])
    return messages(encoding, body["messages"]) + tools(encoding, functions)


def declared(encoding, body):
    functions = body.get("tools", [])
    return messages(encoding, body["messages"]) + (signature(encoding, functions) if functions else 0)


def pieces(encoding, text):
    """The bytes of each piece that the encoding's expression finds."""
    length(encoding, "")
    return [len(m.group().encode()) for m in regex.finditer(encodings[encoding]._pat_str, text)]


kinds = {"pieces": pieces, "text": length, "chat": chat, "declared": declared}
for line in sys.stdin:
    kind, encoding, value = json.loads(line)
    print(kinds[kind](encoding, value), flush=True)
