"""What one consumer got, was told it did not get, and is still owed."""

MARKS = 255  # an epoch's mark is a byte that is not 0; they come again after so many epochs
SAMPLES_MAX = 10


class Consumer:
    """`wanted` are places in the turn of `turn` types, or None for every event."""

    def __init__(self, name, wanted, turn):
        self.name = name
        self.fresh_passed = False
        self.delivered = 0           # different ids
        self.duplicates_within_epoch = 0
        self.duplicates_across_epochs = 0
        self.out_of_order = 0        # came first after a later id of its producer
        self.unexpected = 0
        self.mismatched = 0
        self.skipped = 0             # sequences that neither came nor stand in a gap
        self.gap_notices = {}        # by reason
        self.gap_events = 0          # as counted by those that know
        self.gap_events_unknown = 0  # what the others can hold at most
        self.impossible_gaps = 0
        self.samples = {}            # figure -> the first few
        self._owed = 0               # obligations that have not come
        self._wanted = wanted
        self._turn = turn
        self._seen = {}              # producer -> for each n 0, or the mark of its last epoch
        self._highest = {}
        self._epochs = {}
        self._epoch = None
        self._top = None             # highest sequence of that epoch that came or is in a gap

    @property
    def epochs(self):
        return len(self._epochs)

    def wants(self, n):
        return self._wanted is None or n % self._turn in self._wanted

    def note(self, figure, what):
        setattr(self, figure, getattr(self, figure) + 1)
        kept = self.samples.setdefault(figure, [])
        if len(kept) < SAMPLES_MAX:
            kept.append(str(what))

    def take(self, id, epoch, is_owed):
        """A sound event that it wants."""
        seen = self._seen_of(id.producer, id.n + 1)
        before, mark = seen[id.n], self._epochs.setdefault(epoch, len(self._epochs)) % MARKS + 1
        seen[id.n] = mark
        if before:
            self.note("duplicates_within_epoch" if before == mark else "duplicates_across_epochs",
                      id)
            return
        self.delivered += 1
        self._owed -= is_owed
        if id.n < self._highest.get(id.producer, -1):
            self.note("out_of_order", id)
        else:
            self._highest[id.producer] = id.n

    def advance(self, sequence, epoch):
        """Something came with this sequence. Coming again is fine, a hole is not: whoever wants
        every event gets every sequence, or a gap in its place."""
        if sequence is None:
            return
        if epoch != self._epoch:
            self._epoch, self._top = epoch, None
        if self._top is None:
            self._top = sequence  # what an epoch had before is for the obligations to tell
        elif sequence > self._top:
            if sequence > self._top + 1 and self._wanted is None:
                self.note("skipped", f"{self._top + 1} to {sequence - 1} of epoch {epoch}")
                self.skipped += sequence - self._top - 2
            self._top = sequence

    def gap(self, first, last, count, reason, epoch):
        self.gap_notices[reason] = self.gap_notices.get(reason, 0) + 1
        width = max(0, last - first + 1)
        if count > width:
            self.note("impossible_gaps", f"{count} events from {first} to {last}")
        if count:
            self.gap_events += count
        else:
            self.gap_events_unknown += width
        if width:
            self.advance(first, epoch)
            self._top = max(self._top, last)

    def owe(self, producer, first, last):
        """These ids have become obligations."""
        seen = self._seen_of(producer.name, producer.drawn)
        for start, step in self._strides(first):
            self._owed += seen[start:last + 1:step].count(0)

    def unexplained(self):
        """Obligations beyond what its gaps can hold."""
        return max(0, self._owed - self.gap_events - self.gap_events_unknown)

    def not_delivered(self, producers):
        """Drawn, wanted, and never come, whether promised or not."""
        return sum(self._seen_of(each.name, each.drawn)[start:each.drawn:step].count(0)
                   for each in producers for start, step in self._strides(0))

    def missing(self, producers):
        """The first few obligations that have not come, and how many there are."""
        found, total = [], 0
        for each in producers:
            seen = self._seen_of(each.name, each.drawn)
            for start, step in self._strides(0):
                owed = int.from_bytes(each.promised[start::step], "little")
                absent = seen[start:each.drawn:step].translate(NONE_SEEN)
                both = (owed & int.from_bytes(absent, "little")).to_bytes(len(absent), "little")
                total += both.count(1)
                at = both.find(1)
                while at >= 0 and len(found) < SAMPLES_MAX:
                    found.append(f"{each.name}:{start + at * step}")
                    at = both.find(1, at + 1)
        return found, total

    def _strides(self, first):
        """(start, step) of the counters from `first` on that it wants."""
        if self._wanted is None:
            return [(first, 1)]
        return [(first + (place - first) % self._turn, self._turn) for place in self._wanted]

    def _seen_of(self, producer, size):
        seen = self._seen.setdefault(producer, bytearray())
        if len(seen) < size:
            seen.extend(bytes(max(size - len(seen), len(seen), 1024)))
        return seen


NONE_SEEN = bytes([1]) + bytes(255)  # bytes.translate: 1 where there was 0, else 0
