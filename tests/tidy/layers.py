"""Folders of relay/ are libraries whose edges are declared, one-way, and kept."""

import re
from pathlib import Path

import tree

LIBRARY = re.compile(r"xylem_library\(\s*(\w+)([^)]*)\)")
TEST = re.compile(r"xylem_test\(\s*(\w+)([^)]*)\)")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.M)

# Libraries from outside, each wrapped by the folders named and known to no other.
PINNED = {
    r"zmq|czmq": {"transport"},
    r"flatbuffers/|schema/.*_generated\.h$": {"codec"},
    r"simdjson": {"codec"},
    r"boost/lockfree": {"ring"},
    r"boost/(asio|beast)": {"http"},
    r"boost/(?!lockfree|asio|beast)": set(),
    r"toml\+\+/|toml\.hpp": {"node"},
    r"CLI/": {"cli"},
    r"nlohmann/": {"http", "cli", "amqp", "top"},
    r"amqp|rabbitmq-c/": {"amqp"},
    r"sqlite3": {"celery"},
    r"ncurses|curses": {"top"},
}


def section(arguments, name):
    """The words behind NAME in a CMake call, up to the next word in capitals."""
    match = re.search(rf"\b{name}\b((?:\s+(?![A-Z_]+\b)\S+)*)", arguments)
    return match.group(1).split() if match else []


def libraries(root):
    """folder -> the folders it declares."""
    edges = {}
    for path in sorted((Path(root) / "relay").glob("*/CMakeLists.txt")):
        text = re.sub(r"#.*", "", path.read_text("utf-8"))
        for name, arguments in LIBRARY.findall(text):
            edges[name] = set(section(arguments, "DEPENDS"))
    return edges


def closure(edges, folders):
    reached, ahead = set(), list(folders)
    while ahead:
        folder = ahead.pop()
        if folder not in reached:
            reached.add(folder)
            ahead.extend(edges.get(folder, ()))
    return reached


def problems(root):
    edges = libraries(root)
    if not edges:
        yield "relay: no xylem_library() was found"
    for folder, depends in sorted(edges.items()):
        for other in sorted(depends - edges.keys()):
            yield f"relay/{folder}/CMakeLists.txt: depends on {other}, which is no library"
        if folder in closure(edges, depends):
            yield f"relay/{folder}/CMakeLists.txt: depends on itself, through {sorted(depends)}"
    for path in tree.files(root, ("relay",), tree.CPP):
        folder = path.parts[1]
        yield from relay_includes(root, path, edges.get(folder, set()) | {folder})
        yield from pinned_includes(root, path, folder)
    yield from test_includes(root, edges)


def relay_includes(root, path, allowed):
    text = tree.text_of(root, path)
    for match in INCLUDE.finditer(text):
        parts = match.group(1).split("/")
        if parts[0] == "relay" and parts[1] not in allowed:
            line = tree.line_at(text, match.start())
            yield f"{path}:{line}: includes {match.group(1)}, but does not depend on {parts[1]}"


def pinned_includes(root, path, folder):
    text = tree.text_of(root, path)
    for match in INCLUDE.finditer(text):
        for pattern, folders in PINNED.items():
            if re.match(pattern, match.group(1)) and folder not in folders:
                line = tree.line_at(text, match.start())
                yield f"{path}:{line}: includes {match.group(1)}, which is for {sorted(folders)}"


def test_includes(root, edges):
    """A test reaches relay/ through its folder's library and those it says it links."""
    for path in sorted((Path(root) / "tests").glob("*/CMakeLists.txt")):
        for name, arguments in TEST.findall(path.read_text("utf-8")):
            allowed = closure(edges, {name, *section(arguments, "LINKS")})
            folder = path.parent.relative_to(root).as_posix()
            for source in tree.files(root, (folder,), tree.CPP):
                yield from relay_includes(root, source, allowed)
