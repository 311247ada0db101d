"""Documents for the comparison with Python's json: grown from a grammar, then damaged."""
import json

DEPTH_MAX, VALUES_MAX = 64, 100000
WORDS = [b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity", b"nul", b"True"]
NUMBERS = [b"0", b"-0", b"1", b"-1", b"01", b"1.", b".5", b"1.5e3", b"1e", b"1E+2", b"1e-0", b"--1",
           b"+1", b"0x1", b"9" * 400, b"1e999", b"-", b"1_000", b"0e0", b"00", b"1.5.2"]
PIECES = [b"a", b"key", b"\\n", b"\\u0041", b"\\u0000", b"\\ud83d\\ude00", b"\\ud800", b"\\udc00",
          b"\\ud800\\u0041", b"\\u12", b"\\x", b"\\", b"\t", b"\x00", b"\x1f", b"\x7f", b"\xc3\xa9",
          b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
          b"\\/", b"\\\"", b"\\u00e9", b"'", b"\\U0041"]
SPACES = [b"", b"", b"", b" ", b"\n", b"\t", b"\r", b"\x0b", b"\xc2\xa0", b"/**/", b"\xef\xbb\xbf"]


def space(chance):
    return chance.choice(SPACES) if chance.random() < 0.03 else chance.choice(SPACES[:7])


def string(chance):
    good = chance.random() < 0.9
    return b'"' + b"".join(chance.choice(PIECES[:4] if good else PIECES)
                           for _ in range(chance.randrange(4))) + b'"'


def value(chance, depth):
    kind = chance.randrange(8 if depth else 4)
    if kind == 0:
        return chance.choice(WORDS[:3] if chance.random() < 0.95 else WORDS)
    if kind == 1:
        return chance.choice(NUMBERS[:3] if chance.random() < 0.9 else NUMBERS)
    if kind < 4:
        return string(chance)
    items = []
    for _ in range(chance.randrange(4)):
        item = space(chance) + value(chance, depth - 1) + space(chance)
        items.append(string(chance) + space(chance) + b":" + item if kind < 6 else item)
    if chance.random() < 0.01:
        items.append(b"")
    body = b",".join(items)
    return b"{" + body + b"}" if kind < 6 else b"[" + body + b"]"


def make(chance):
    if chance.random() < 0.02:
        depth = chance.choice([63, 64, 65, 66, 1000, 100000])
        opening = chance.choice([b"[", b'{"a":'])
        return opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth
    data = space(chance) + value(chance, chance.randrange(6)) + space(chance)
    for _ in range(chance.randrange(3) if chance.random() < 0.3 else 0):
        at = chance.randrange(len(data) + 1)
        data = chance.choice([
            data[:at], data[:at] + bytes([chance.randrange(256)]) + data[at:],
            data[:at] + bytes([chance.randrange(256)]) + data[at + 1:],
            data[:at] + data[at:at + 3] * 2 + data[at + 3:], data[:at] + data[at + 1:]])
    return data


class Refused(ValueError):
    """A rule that Python's json does not have."""


def unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise Refused("a key twice")
    return dict(pairs)


def constant(name):
    raise Refused(name)


def number(text):
    if len(text) > 4000:
        raise Refused("long number")
    return float(text)


def depth_of(data):
    """How deep brackets nest outside of strings."""
    deepest = depth = 0
    at = 0
    while at < len(data):
        c = data[at:at + 1]
        if c == b'"':
            at += 1
            while at < len(data) and data[at:at + 1] != b'"':
                at += 2 if data[at:at + 1] == b"\\" else 1
        elif c in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif c in (b"]", b"}"):
            depth -= 1
        at += 1
    return deepest


def strings_of(parsed):
    todo, found = [parsed], []
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            todo += item
    return found


def strict(data):
    """None if the strict rules accept it, otherwise why not."""
    if depth_of(data) > DEPTH_MAX:
        return "depth"
    try:
        parsed = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant,
                            parse_int=number, parse_float=number)
        for text in strings_of(parsed):
            text.encode()  # half a pair of surrogates cannot be encoded
            if "\0" in text:
                raise Refused("NUL")
    except (ValueError, RecursionError) as error:
        return str(error)[:100]
    return None


def compare(data, reason, _):
    why = strict(data)
    if (why is None) == (reason is None):
        return None
    return f"{data[:200]!r}: Python: {why or 'accepted'}; we: {reason or 'accepted'}"
