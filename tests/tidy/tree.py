"""The tree as the checks see it: its files, and C++ text without comments and strings."""

import re
from pathlib import Path

FOLDERS = ("relay", "tests", "bench", "clients")
CPP = (".h", ".cc")

TOKEN = re.compile(
    r'R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"'
    r"|//[^\n]*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.S,
)


def files(root, folders=FOLDERS, suffixes=CPP + (".py",)):
    """The paths of sources below root, relative to it."""
    for folder in folders:
        for path in sorted((Path(root) / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root)


def text_of(root, path):
    return (Path(root) / path).read_text("utf-8")


def code_of(text):
    """C++ with comments and the insides of strings as spaces; every line keeps its place."""

    def blank(match):
        token = match.group()
        if token[0] == '"':
            return '"' + " " * (len(token) - 2) + '"'
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(blank, text)


def line_at(text, index):
    return text.count("\n", 0, index) + 1


def functions(text):
    """(first line, lines) of each function body that stands in a namespace or a class."""
    code = re.sub(r"^[ \t]*#.*(?:\\\n.*)*$", lambda m: re.sub(r"[^\n]", " ", m.group()),
                  code_of(text), flags=re.M)
    found = []
    scopes = []  # True for what can hold functions, else where the block began
    start = 0
    for match in re.finditer(r"[{};]", code):
        if match.group() == ";":
            if not scopes or scopes[-1] is True:
                start = match.end()
        elif match.group() == "{":
            head = code[start:match.start()]
            holds = holds_functions(head) and all(scope is True for scope in scopes)
            scopes.append(True if holds else start + len(head) - len(head.lstrip()))
            if scopes[-1] is True:
                start = match.end()
        elif scopes:
            begun = scopes.pop()
            if begun is not True and re.match(r"\s*[{,]", code[match.end():]):
                start = begun  # a member's initializer; the body is still to come
            elif begun is not True and all(s is True for s in scopes):
                head = code[begun:code.find("{", begun)]
                if "(" in head:
                    first = line_at(code, begun)
                    found.append((first, line_at(code, match.start()) - first + 1))
                start = match.end()
            elif begun is True:
                start = match.end()
    return found


def holds_functions(head):
    head = re.sub(r"template\s*<[^{}]*?>\s*(?=class|struct|union)", "", head).strip()
    return bool(re.search(r"\bnamespace\b|\bextern\b|^\s*(?:public|private|protected)?:?\s*"
                          r"(?:class|struct|union)\b(?!.*[()=])", head, re.S))
