"""Files, functions and lines that want to be two."""

import tree

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
LINE_LENGTH_MAX = 100


def problems(root):
    for path in tree.files(root):
        text = tree.text_of(root, path)
        lines = text.splitlines()
        if len(lines) > FILE_LINES_MAX:
            yield f"{path}: {len(lines)} lines; at most {FILE_LINES_MAX}, so it is two ideas"
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_LENGTH_MAX:
                yield f"{path}:{number}: {len(line)} characters; at most {LINE_LENGTH_MAX}"
        if path.suffix in tree.CPP:
            for first, length in tree.functions(text):
                if length > FUNCTION_LINES_MAX:
                    yield (f"{path}:{first}: a function of {length} lines; "
                           f"at most {FUNCTION_LINES_MAX}")
