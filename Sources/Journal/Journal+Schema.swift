import GRDB

/// The journal's tables.
extension Journal {
    /// Makes the tables of a new journal, and brings those of an older one up to date.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE setting (name TEXT PRIMARY KEY, value NOT NULL);
                    CREATE TABLE task (key TEXT PRIMARY KEY, label TEXT NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE result (
                        key TEXT NOT NULL REFERENCES task (key) ON DELETE CASCADE, stage INTEGER NOT NULL,
                        first_layer INTEGER NOT NULL, end_layer INTEGER NOT NULL, digest TEXT NOT NULL,
                        worker TEXT NOT NULL, bytes BLOB, file TEXT, PRIMARY KEY (key, stage)) WITHOUT ROWID;
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY, seconds REAL NOT NULL, epoch INTEGER NOT NULL, kind TEXT NOT NULL,
                        task TEXT NOT NULL, worker TEXT NOT NULL, text TEXT NOT NULL);
                    CREATE INDEX event_of_task ON event (task);
                    """)
        }
        migrator.registerMigration("2") { database in
            // Rows of before have none: what they recorded is computed again.
            try database.execute(sql: "ALTER TABLE result ADD COLUMN seal TEXT NOT NULL DEFAULT ''")
        }
        return migrator
    }
}
