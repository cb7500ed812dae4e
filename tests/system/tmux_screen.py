"""A terminal that can be looked at: a shell in tmux, which no user's settings reach."""
import shlex
import shutil
import subprocess

from relay_process import XYLEM, clean_environment
from waiting import until

TMUX = shutil.which("tmux")


class Terminal:
    """Use the `terminal` fixture, which ends it."""

    def __init__(self, folder, columns=80, lines=24, **variables):
        self.socket = str(folder / "tmux")
        self.variables = {"LC_ALL": "C.UTF-8", "PS1": "$ ", "TZ": "UTC", **variables}
        environment = {name: value for name, value in clean_environment().items()
                       if name not in ("TMUX", "NO_COLOR", "COLUMNS", "LINES", "ENV")}
        subprocess.run([TMUX, "-S", self.socket, "-f", "/dev/null", "new-session", "-d",
                        "-x", str(columns), "-y", str(lines),
                        shlex.join(["env", *(f"{name}={value}" for name, value
                                             in self.variables.items()), "sh"])],
                       check=True, env=environment, timeout=10)
        self.await_text("$")

    def tmux(self, *arguments):
        return subprocess.run([TMUX, "-S", self.socket, *map(str, arguments)], check=True,
                              capture_output=True, text=True, timeout=10).stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def keys(self, *names):
        """As tmux calls them: Enter, Escape, Down, C-c; one letter is itself."""
        self.tmux("send-keys", *names)

    def run(self, command):
        self.type(command)
        self.keys("Enter")

    def top(self, relay, *arguments):
        self.run(shlex.join([XYLEM, "top", "--connect", relay.http, "--interval", "0.1",
                             *arguments]))

    def text(self, with_looks=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if with_looks else []))

    def lines(self):
        return self.text().splitlines()

    def tell(self, what):
        """What tmux knows of the screen, such as alternate_on."""
        return self.tmux("display-message", "-p", f"#{{{what}}}").strip()

    def await_text(self, *parts, gone=()):
        def there():
            text = self.text()
            return all(part in text for part in parts) and not any(part in text for part in gone)
        until(there, lambda: f"{parts} is on the screen and {gone} is not:\n{self.text()}")

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", columns, "-y", lines)

    def modes(self):
        """How the terminal is set, by a shell that has it."""
        self.run("clear; echo MODES $(stty -g) END")
        until(lambda: "MODES" in self.text() and " END" in self.text().split("MODES")[-1],
              "the shell says how the terminal is set")
        return self.text().replace("\n", "").split("MODES")[-1].split("END")[0].strip()

    def kill(self):
        subprocess.run([TMUX, "-S", self.socket, "kill-server"], check=False, timeout=10,
                       capture_output=True)
