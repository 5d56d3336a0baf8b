"""Where the notes are: an SQLite file in /tmp.

Each execution environment has its own /tmp, and takes it along when it ends: enough to try the
API. For keeps, do the same five things with a table of DynamoDB whose key is ``id``.
"""

import sqlite3
import tempfile
import uuid
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    id: str
    title: str
    text: str


class Store:
    def __init__(self) -> None:
        path = Path(tempfile.gettempdir(), "notes.db")
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, title TEXT, text TEXT)"
        )

    def create(self, title: str, text: str) -> Note:
        note = Note(str(uuid.uuid4()), title, text)
        self._db.execute("INSERT INTO notes VALUES (?, ?, ?)", astuple(note))
        return note

    def all(self) -> list[Note]:
        return [Note(*row) for row in self._db.execute("SELECT * FROM notes ORDER BY rowid")]

    def get(self, id: str) -> Note | None:
        row = self._db.execute("SELECT * FROM notes WHERE id = ?", (id,)).fetchone()
        return Note(*row) if row else None

    def replace(self, id: str, title: str, text: str) -> Note | None:
        self._db.execute("UPDATE notes SET title = ?, text = ? WHERE id = ?", (title, text, id))
        return self.get(id)

    def delete(self, id: str) -> bool:
        """Whether there was such a note."""
        return self._db.execute("DELETE FROM notes WHERE id = ?", (id,)).rowcount == 1
